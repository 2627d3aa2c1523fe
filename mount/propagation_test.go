package mount

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestR8_Hidden(t *testing.T) {
	const kubelet = "/var/lib/kubelet"
	for name, test := range map[string]struct {
		p      Propagation
		hidden bool
	}{
		"the root of the machine":        {Propagation{Point: "/", Root: "/"}, false},
		"the root is a btrfs subvolume":  {Propagation{Point: "/", Root: "/@rootfs"}, false},
		"a container's volume":           {Propagation{Point: kubelet, Root: kubelet}, true},
		"a container's volume above it":  {Propagation{Point: "/var/lib", Root: "/var/lib"}, true},
		"a disk of its own":              {Propagation{Point: kubelet, Root: "/"}, true},
		"a disk above it":                {Propagation{Point: "/var", Root: "/"}, false},
		"a container's volume, shared":   {Propagation{Shared: true, Point: kubelet, Root: kubelet}, false},
		"a disk of its own, shared":      {Propagation{Shared: true, Point: kubelet, Root: "/"}, false},
		"the root of the machine shared": {Propagation{Shared: true, Point: "/", Root: "/"}, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.hidden, test.p.Hidden(kubelet)) })
	}
}
