// Package drain waits until a driver's volumes are detached from a node that is
// being drained.
//
// A node plugin that ends before the last volume is unmounted leaves it attached,
// and its next pod waits 6 minutes for the attach-detach controller to detach it by
// force. So the plugin's container has a preStop hook that calls [Wait]. The plugin
// may also stop for an update: then nothing is waited for.
//
// The cluster's VolumeAttachments are listed in pages, once at first and once at
// the end. In between each of this node's is watched by its name, one after the
// other: there is one open request, and two that go at once are no event of their
// own.
//
// aws-ebs-csi-driver lists all of the cluster at each event of any, and panics when
// two go at once.
package drain
