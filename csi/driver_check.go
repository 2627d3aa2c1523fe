package csi

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// maxName is the length of a plugin's name (csi.proto at
// GetPluginInfoResponse).
const maxName = 63

var (
	domainName = regexp.MustCompile(`^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$`)
	fsTypeName = regexp.MustCompile(`^[a-z][a-z0-9.]*$`)
)

func checkName(name string) error {
	if len(name) > maxName || !domainName.MatchString(name) {
		return fmt.Errorf("csi: the driver's name %q must be a domain name of at most %d characters: letters, digits, dots and dashes, such as local.csi.example.com", name, maxName)
	}
	return nil
}

// isNil reports whether the backend is nil or a nil pointer.
func isNil(backend Locator) bool {
	if backend == nil {
		return true
	}
	v := reflect.ValueOf(backend)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// check finds what is wrong with the options by themselves.
func (o *Options) check() error {
	var faults []error
	wrong := func(format string, args ...any) { faults = append(faults, fmt.Errorf("csi: Options."+format, args...)) }
	if o.OperationTimeout < 0 {
		wrong("OperationTimeout is %v: give a positive duration, or 0 for the default", o.OperationTimeout)
	}
	if o.ShutdownTimeout < 0 {
		wrong("ShutdownTimeout is %v: give a positive duration, or 0 for the default", o.ShutdownTimeout)
	}
	if o.Services < AllServices || o.Services > NodeService {
		wrong("Services is %d: use AllServices, ControllerService or NodeService", o.Services)
	}
	if !fsTypeName.MatchString(o.DefaultFSType) {
		wrong("DefaultFSType is %q: give a file system such as ext4 or xfs, or nothing", o.DefaultFSType)
	}
	if len(o.NodeID) > maxNodeID {
		wrong("NodeID has %d bytes: at most %d are allowed", len(o.NodeID), maxNodeID)
	}
	if len(o.Version) > maxVersion {
		wrong("Version has %d bytes: at most %d are allowed", len(o.Version), maxVersion)
	}
	if err := checkStateDir(o.StateDir); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// The spec's limits of a node's id and of a version.
const (
	maxNodeID  = 256
	maxVersion = 128
)

// checkStateDir refuses what the kubelet deletes: it removes the staging
// directories of volumes and whatever is beside them, and the directories of
// pods (contract ruling 25).
func checkStateDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("csi: Options.StateDir %q must be an absolute path", dir)
	}
	within := filepath.ToSlash(filepath.Clean(dir)) + "/"
	for _, kubelets := range []string{"/plugins/kubernetes.io/csi/", "/var/lib/kubelet/pods/"} {
		if strings.Contains(within, kubelets) {
			return fmt.Errorf("csi: Options.StateDir %q is below a directory that the kubelet cleans up (%s): use one of your own, such as /var/lib/csikit/NAME", dir, strings.TrimSuffix(kubelets, "/"))
		}
	}
	return nil
}

// check finds what contradicts itself in what a backend says it can do.
// Warnings are for what works, but is not as the spec wants it.
func (f *features) check() (warnings []string, err error) {
	if f.locator == nil {
		return nil, nil
	}
	var faults []error
	for _, r := range featureRules {
		if r.broken(f) {
			faults = append(faults, errors.New("csi: "+r.text))
		}
	}
	faults = append(faults, checkModes("Mount", f.traits.Mount), checkModes("Block", f.traits.Block))
	warnings, err = checkTopologyKeys(f.traits.TopologyKeys)
	return warnings, errors.Join(append(faults, err)...)
}

func checkModes(field string, modes []AccessMode) error {
	for i, m := range modes {
		if m.String() == accessModeNames[0] {
			return fmt.Errorf("csi: Traits.%s: %d is no access mode", field, m)
		}
		if slices.Contains(modes[:i], m) {
			return fmt.Errorf("csi: Traits.%s names %v twice", field, m)
		}
	}
	return nil
}
