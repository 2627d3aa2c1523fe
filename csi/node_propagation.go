package csi

import (
	"strings"
	"sync/atomic"
)

// kubeletRoot is where a kubelet keeps volumes unless it is told otherwise.
const kubeletRoot = "/var/lib/kubelet"

// A propagation warns an operator, once, whose node plugin mounts only for
// itself (R8). It is a warning and no error, since a plugin that runs beside the
// kubelet, in the same mount namespace, needs no propagation, and nothing tells.
type propagation struct{ looked, warned atomic.Bool }

// checkPropagation looks at the directory of a kubelet. One that is not there,
// and a mount table that is not the kernel's, have nothing to tell.
func (d *Driver) checkPropagation(root string) {
	kernel, ok := d.opts.Mounts.(interface {
		Shared(path string) (bool, error)
	})
	if !ok || root == "" || d.opts.Services == ControllerService {
		return
	}
	if shared, err := kernel.Shared(root); err != nil || shared || d.propagation.warned.Swap(true) {
		return
	}
	d.log.Warn("the kubelet and its pods do not see what is mounted below this directory, because its mount is not shared: "+
		"give the volumeMount of the plugin's container mountPropagation: Bidirectional; on the node, mount --make-rshared / "+
		"(harmless only if this process runs in the mount namespace of the kubelet)", "path", root)
}

// checkPropagationOf looks at the directory that a path of the first stage or
// publish is in: kubelets can be told to keep theirs elsewhere.
func (d *Driver) checkPropagationOf(path string) {
	if !d.propagation.looked.Swap(true) {
		d.checkPropagation(kubeletRootOf(path))
	}
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
