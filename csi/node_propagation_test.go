package csi

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

func TestKubeletRootOf(t *testing.T) {
	for path, root := range map[string]string{
		"/var/lib/kubelet/plugins/kubernetes.io/csi/d/0123/globalmount":                    "/var/lib/kubelet",
		"/data/kubelet/plugins/kubernetes.io/csi/volumeDevices/staging/pv":                 "/data/kubelet",
		"/var/lib/k0s/kubelet/pods/42/volumes/kubernetes.io~csi/pv/mount":                  "/var/lib/k0s/kubelet",
		"/var/lib/csikit/local.csi.example.com/private/0123456789abcdef0123456789abcdef01": "",
		"": "",
	} {
		require.Equal(t, root, kubeletRootOf(path), path)
	}
}

// private is a mount table in which no path is shared.
type private struct {
	mounttest.Table
	propagation mount.Propagation
}

func (p *private) Propagation(string) (mount.Propagation, error) { return p.propagation, nil }

// TestR8_AtTheStart: a container whose volume the node does not see into does
// not serve at all. Where the plugin may run beside the kubelet it is a warning.
// A controller mounts nothing.
func TestR8_AtTheStart(t *testing.T) {
	volume := mount.Propagation{Point: kubeletRoot, Root: kubeletRoot}
	machine := mount.Propagation{Point: "/", Root: "/"}
	for name, test := range map[string]struct {
		services        Services
		propagation     mount.Propagation
		refused, warned bool
	}{
		"controller in a container": {services: ControllerService, propagation: volume},
		"node in a container":       {services: NodeService, propagation: volume, refused: true},
		"both in a container":       {services: AllServices, propagation: volume, refused: true},
		"node on the machine":       {services: NodeService, propagation: machine, warned: true},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newCoreDriver(t, &coreBackend{}, func(o *Options) {
				o.Mounts, o.Services = &private{propagation: test.propagation}, test.services
			})
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // it stops as soon as it serves
			err := d.Run(ctx, "unix://"+filepath.Join(t.TempDir(), "csi.sock"))
			if test.refused {
				require.ErrorContains(t, err, "mountPropagation: Bidirectional")
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, test.warned, d.propagation.warned.Load())
		})
	}
}
