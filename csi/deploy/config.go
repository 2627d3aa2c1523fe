package deploy

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Config is what an operator chooses. Image and Namespace are required; see
// [Config.Complete].
type Config struct {
	// Image is the driver's image, with a tag.
	Image string
	// Namespace is where everything is; it is made too.
	Namespace string
	// Replicas is the number of controllers, of which one leads.
	Replicas int32
	// KubeletDir is the kubelet's directory on the nodes.
	KubeletDir string
	// LogLevel is the driver's; Args are more of its flags.
	LogLevel string
	Args     []string
	// RemoveTaint lets the node plugin remove its start-up taint, for which Args
	// must have the flag --remove-startup-taint. DrainTimeout, if not 0, is how
	// long the node plugin waits before it ends on a node that is being drained,
	// by the driver's command pre-stop. Both need package csi/cli and access to
	// the API server.
	RemoveTaint  bool
	DrainTimeout time.Duration
	// Sidecars maps a sidecar's name to another version (v1.2.3) or to a whole
	// image name.
	Sidecars map[string]string
	// GroupSnapshots turns group snapshots on, which have to be turned on in the
	// cluster's snapshot controller too. Only with their CRDs: without them
	// the sidecar makes no snapshots at all.
	GroupSnapshots bool
	// DefaultFSType is the file system of volumes whose class names none.
	DefaultFSType string
	// Hints are the driver's.
	Hints Hints
}

// registry is where the sidecars of the Kubernetes project are.
const registry = "registry.k8s.io/sig-storage/"

// versions are the sidecars that were tested with Kubernetes 1.34. Of the last
// two only the manifests were checked; the health monitor is used only if the
// operator names a version, since none is known to speak CSI v1.13.
var versions = map[string]string{
	provisioner:      "v6.3.0",
	attacher:         "v4.12.0",
	resizer:          "v2.2.0",
	snapshotter:      "v8.6.0",
	healthMonitor:    "v0.17.0",
	snapshotMetadata: "v0.2.0",
}

// The names of the sidecars, of their containers and of their images.
const (
	provisioner      = "csi-provisioner"
	attacher         = "csi-attacher"
	resizer          = "csi-resizer"
	snapshotter      = "csi-snapshotter"
	healthMonitor    = "csi-external-health-monitor-controller"
	snapshotMetadata = "csi-snapshot-metadata"
)

// Complete returns c with what is not given filled in for the driver, or
// everything that is wrong with it.
func (c Config) Complete(driver string) (Config, error) {
	name := objectName(driver)
	fill(&c.Image, c.Hints.Image)
	fill(&c.Namespace, name)
	fill(&c.KubeletDir, "/var/lib/kubelet")
	fill(&c.LogLevel, "info")
	fill(&c.DefaultFSType, "ext4")
	if c.Replicas == 0 {
		c.Replicas = 2
	}
	if c.Hints.HealthPort == 0 {
		c.Hints.HealthPort = 9808
	}
	var faults []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	wrong(c.Image == "", "no image: name the driver's image, such as --image=registry.example.com/%s:v1.0.0", name)
	wrong(len(validation.IsDNS1123Label(c.Namespace)) > 0, "namespace %q: want lower case letters, digits and dashes, at most 63", c.Namespace)
	wrong(!filepath.IsAbs(c.KubeletDir), "kubelet directory %q: want an absolute path, which is usually /var/lib/kubelet", c.KubeletDir)
	wrong(c.DrainTimeout < 0 || c.DrainTimeout%time.Second != 0, "drain timeout %v: want whole seconds", c.DrainTimeout)
	wrong(c.Replicas < 0, "replicas %d: want 1 or more", c.Replicas)
	for sidecar := range c.Sidecars {
		wrong(versions[sidecar] == "", "there is no sidecar %q; there are %s", sidecar, strings.Join(slices.Sorted(maps.Keys(versions)), ", "))
	}
	return c, errors.Join(faults...)
}

func fill(value *string, fallback string) {
	if *value == "" {
		*value = fallback
	}
}

// image is the image of a sidecar.
func (c Config) image(sidecar string) string {
	wanted := c.Sidecars[sidecar]
	switch {
	case wanted == "":
		return registry + sidecar + ":" + versions[sidecar]
	case strings.ContainsAny(wanted, "/:"):
		return wanted
	}
	return registry + sidecar + ":" + wanted
}

// objectName is a driver's name as a part of the names of objects.
func objectName(driver string) string {
	return strings.Trim(strings.ReplaceAll(strings.ToLower(driver), ".", "-"), "-")
}
