// Package deploy makes the Kubernetes manifests of a driver from what the driver
// can do: the CSIDriver object, service accounts with the least permissions that
// each sidecar needs, the controller with exactly the sidecars that the
// capabilities call for, and the node plugin. `<driver> manifests` of package
// csi/cli prints them.
//
// There are two forms. A driver of central storage gets a Deployment of a few
// controllers, of which one leads, and a DaemonSet whose pods have one container
// and, unless a feature needs it, no access to the API. A driver of the node's own disks
// ([Hints.NodeLocal]) gets a DaemonSet of driver, provisioner and snapshotter,
// each for its own node, and a Deployment of the resizer, which only tells the
// kubelets to grow volumes.
//
// All objects are typed, so that a misspelt field does not compile. The
// CustomResourceDefinitions of snapshots and the snapshot-controller belong to
// the cluster and are not made here.
package deploy
