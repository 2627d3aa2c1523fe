package csi

import "time"

// A NodeVolume is a volume as the node's RPCs describe it.
type NodeVolume struct {
	ID string
	// Context is [Volume.Context], or the attributes of a PersistentVolume
	// made by hand, or the pod's attributes of an ephemeral volume.
	Context map[string]string
	// PublishContext is what [Attacher.Attach] returned. It can be stale
	// after the volume has grown.
	PublishContext map[string]string
	Access         Access
	ReadOnly       bool
	// Ephemeral says that the volume is declared inline in a pod.
	Ephemeral bool
	// Pod is set only at publish, and only if the CO was asked for it
	// (CSIDriver.podInfoOnMount).
	Pod *Pod
	// Secrets are those of NodeStageVolume, or of NodePublishVolume if the
	// volume is ephemeral or the driver's [Traits] say PerPod. There are
	// none in [Releaser.Release].
	Secrets Secrets
}

// A Pod is the pod that a volume is published to.
type Pod struct {
	Namespace, Name, UID, ServiceAccount string
	// Tokens are the service account tokens by audience, if the CSIDriver
	// object requests any.
	Tokens map[string]Token
}

// A Token is a service account token. Its value is under the key "token".
type Token struct {
	Value   Secrets
	Expires time.Time
}
