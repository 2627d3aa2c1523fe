package deploy

import "github.com/csikit/csikit/csi"

// A Driver tells what manifests are made of; *[csi.Driver] is one.
type Driver interface {
	// Name is the CSI name.
	Name() string
	// Offers reports whether the driver has the optional interface of that
	// name.
	Offers(ability string) bool
	// Traits are the facts that are no methods.
	Traits() csi.Traits
}

var _ Driver = (*csi.Driver)(nil)

// Hints are what manifests need to know and no capability tells. The zero value
// suits a driver of central storage that needs no flags.
type Hints struct {
	// Image is the name of the driver's image if the operator gives none.
	Image string
	// NodeLocal says that each volume is on the node that made it: provisioner
	// and snapshotter run on every node, and nothing is attached.
	NodeLocal bool
	// Args are flags that every process of the driver gets, such as
	// --pool=/var/lib/pool. The operator's own flags come after them.
	Args []string
	// NodeArgs are flags that only the node plugin gets; $(NODE_NAME) in them is
	// the name of its Node object.
	NodeArgs []string
	// HostPaths are directories of the node that the node plugin uses at the
	// same path. They are made if they are not there. PathFlags names flags of
	// the driver whose values are such directories too, such as "pool".
	HostPaths []string
	PathFlags []string
	// HostNetwork is for node plugins that ask a metadata service which pods do
	// not reach. HealthPort must then be the driver's own on the node.
	HostNetwork bool
	// HealthPort is where /healthz and /metrics are served; 0 is 9808.
	HealthPort int32
	// SecretEnv are environment variables of the controller that come from
	// Secrets; all may be missing.
	SecretEnv []SecretEnv
	// FSGroupPolicy overrides what follows from the capabilities: File,
	// ReadWriteOnceWithFSType or None.
	FSGroupPolicy string
	// TokenAudiences are the audiences of the service account tokens that the
	// driver wants at NodePublish. Republish asks for periodic NodePublish.
	TokenAudiences []string
	Republish      bool
	// ClassSecrets says that storage classes name secrets, which the sidecars
	// must then be allowed to read.
	ClassSecrets bool
	// Samples are values of the driver for the sample objects.
	Samples Samples
}

// A SecretEnv is an environment variable from a Secret's key.
type SecretEnv struct{ Name, Secret, Key string }

// Samples are values for the sample objects; all may be empty.
type Samples struct {
	// Parameters are those of the sample StorageClass, Mutable those of the
	// VolumeAttributesClass, Inline the attributes of an inline volume.
	Parameters, Mutable, Inline map[string]string
	// FSType is the file system of the sample class.
	FSType string
	// StaticHandle is the volumeHandle of a PersistentVolume made by hand;
	// NODE in it stands for a node's name.
	StaticHandle string
}
