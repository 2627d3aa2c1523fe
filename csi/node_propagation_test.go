package csi

import (
	"testing"

	"github.com/stretchr/testify/require"

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

// private is a mount table that says of every path that it is not shared.
type private struct {
	mounttest.Table
	asked int
}

func (p *private) Shared(string) (bool, error) { p.asked++; return false, nil }

// TestR8_ControllerMountsNothing, so it has nobody to warn.
func TestR8_ControllerMountsNothing(t *testing.T) {
	for services, want := range map[Services]int{ControllerService: 0, NodeService: 1, AllServices: 1} {
		table := &private{}
		d, _ := newCoreDriver(t, &coreBackend{}, func(o *Options) { o.Mounts, o.Services = table, services })
		d.checkPropagation(kubeletRoot)
		require.Equal(t, want, table.asked)
		require.Equal(t, want == 1, d.propagation.warned.Load())
	}
}
