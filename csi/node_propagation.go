package csi

import (
	"strings"
	"sync/atomic"

	"github.com/csikit/csikit/mount"
)

// kubeletRoot is where a kubelet keeps volumes unless it is told otherwise.
const kubeletRoot = "/var/lib/kubelet"

// notSeen is said of a directory in which this process mounts for itself only.
const notSeen = "the kubelet and its pods do not see what is mounted below this directory, because its mount is not shared: " +
	"give the volumeMount of the plugin's container mountPropagation: Bidirectional; on the node, mount --make-rshared /"

// A propagation keeps a node plugin from mounting only for itself (R8): pods
// would write to the node's disk instead of the volume, and removing a mount
// point would unmount it elsewhere.
type propagation struct{ looked, warned atomic.Bool }

// checkPropagation looks at the directory of a kubelet. It refuses what surely
// is a container's volume that the node does not see into. A plugin that runs
// beside the kubelet, in the same mount namespace, needs no propagation, and
// nothing tells that for sure: then it is a warning, once. A directory that is
// not there, and a mount table that is not the kernel's, have nothing to tell.
func (d *Driver) checkPropagation(root string) error {
	kernel, ok := d.opts.Mounts.(interface {
		Propagation(path string) (mount.Propagation, error)
	})
	if !ok || root == "" || d.opts.Services == ControllerService {
		return nil
	}
	switch p, err := kernel.Propagation(root); {
	case err != nil || p.Shared:
	case p.Hidden(root):
		return refuse(ErrInUse, "nothing is mounted below %s: %s", root, notSeen)
	case !d.propagation.warned.Swap(true):
		d.log.Warn(notSeen+" (harmless only if this process runs in the mount namespace of the kubelet)", "path", root)
	}
	return nil
}

// checkPropagationOf looks at the directory that a path to be mounted at is in:
// kubelets can be told to keep theirs elsewhere. What is in order is not looked
// at again.
func (d *Driver) checkPropagationOf(path string) error {
	if d.propagation.looked.Load() {
		return nil
	}
	err := d.checkPropagation(kubeletRootOf(path))
	d.propagation.looked.Store(err == nil)
	return err
}

// kubeletRootOf returns the root directory of the kubelet that chose a staging
// or target path, "" if it is none of a kubelet's.
func kubeletRootOf(path string) string {
	for _, below := range []string{"/plugins/kubernetes.io/csi/", "/pods/"} {
		if root, _, ok := strings.Cut(path, below); ok {
			return root
		}
	}
	return ""
}
