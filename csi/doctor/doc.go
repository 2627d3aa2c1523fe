// Package doctor says what would go wrong on a node, and how to mend it, before
// a pod finds out. It looks at the kernel, the privileges of the process, the
// mounts, the tools, the kubelet's directory, the clock, and asks the backend
// what the RPC Probe asks. It changes nothing, and may run beside the driver:
// `<driver> doctor` of package csi/cli.
package doctor
