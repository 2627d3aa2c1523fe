// Package kubeapi makes the few requests that a plugin has for the Kubernetes
// API server, as the service account of its pod. For these client-go would be 20
// MB of the binary.
package kubeapi
