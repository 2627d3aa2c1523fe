// Package e2e has no code, only tests of the example drivers in a real
// Kubernetes: of what a user sees with kubectl, from the installation to the
// restored backup, and of what becomes of pods and data when the driver, its
// controller or the kubelet dies.
//
// They change the cluster that KUBECONFIG points to, so they run only if
// CSIKIT_E2E names drivers that are installed in it:
//
//	CSIKIT_E2E=local,ebs go test ./internal/e2e -count=1 -v
//
// `make e2e-local-cluster` makes a cluster and installs the drivers first, by
// nothing but their command manifests. The node needs the image of sample pods
// (see [Image] in the tests); snapshots need the snapshot-controller. More is
// run if the environment asks:
//
//	CSIKIT_E2E_SCALE=100          as many pods with a volume each
//	CSIKIT_E2E_CHAOS=2m           each kind of chaos for so long
//	CSIKIT_E2E_KUBELET=COMMAND    what restarts the node's kubelet
package e2e
