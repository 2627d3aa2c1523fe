package csi

import (
	"maps"
	"strings"
)

// Keys that the CO and the framework add to the maps of the spec. A backend
// sees none of them (contract rulings 20, 22 and 37).
const (
	coPrefix     = "csi.storage.k8s.io/"
	formatPrefix = "fs.csikit.io/"
	ownPrefix    = "csikit.io/"

	keyOrigin      = ownPrefix + "origin"
	keyProvisioner = "storage.kubernetes.io/csiProvisionerIdentity"

	keyClaim                  = coPrefix + "pvc/name"
	keyClaimNamespace         = coPrefix + "pvc/namespace"
	keyPersistentVolume       = coPrefix + "pv/name"
	keyVolumeSnapshot         = coPrefix + "volumesnapshot/name"
	keyVolumeSnapshotSpace    = coPrefix + "volumesnapshot/namespace"
	keyGroupSnapshot          = coPrefix + "volumegroupsnapshot/name"
	keyGroupSnapshotSpace     = coPrefix + "volumegroupsnapshot/namespace"
	keyGroupSnapshotContents  = coPrefix + "volumegroupsnapshotcontent/name"
	keyVolumeSnapshotContents = coPrefix + "volumesnapshotcontent/name"

	keyPodName        = coPrefix + "pod.name"
	keyPodNamespace   = coPrefix + "pod.namespace"
	keyPodUID         = coPrefix + "pod.uid"
	keyServiceAccount = coPrefix + "serviceAccount.name"
	keyTokens         = coPrefix + "serviceAccount.tokens"
	keyEphemeral      = coPrefix + "ephemeral"
)

// What a volume started from, as volume_context carries it to the node.
const (
	originNew     = "new"
	originRestore = "restore"
	originClone   = "clone"
)

// carried is what the framework keeps in volume_context beside the backend's
// own keys.
type carried struct {
	// Origin is originNew, originRestore, originClone, or "" for a volume
	// that this framework did not make.
	Origin string
	// Dynamic says that a provisioner made the volume, this framework's or
	// one before it. A static volume is never formatted.
	Dynamic bool
	// Format are the class's format options, without formatPrefix.
	Format map[string]string
}

// foreign reports whether a key is the CO's or the framework's.
func foreign(key string) bool {
	return strings.HasPrefix(key, coPrefix) || strings.HasPrefix(key, formatPrefix) ||
		strings.HasPrefix(key, ownPrefix) || key == keyProvisioner
}

// backendKeys returns the map without the foreign keys; nil if nothing is
// left. The argument is not changed.
func backendKeys(m map[string]string) map[string]string {
	var out map[string]string
	for k, v := range m {
		if foreign(k) {
			continue
		}
		if out == nil {
			out = make(map[string]string, len(m))
		}
		out[k] = v
	}
	return out
}

// formatOptions returns the framework's format options in m, without prefix;
// nil if there are none.
func formatOptions(m map[string]string) map[string]string {
	var out map[string]string
	for k, v := range m {
		name, ok := strings.CutPrefix(k, formatPrefix)
		if !ok {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = v
	}
	return out
}

// carriedFrom reads what the framework wrote into a volume's context.
func carriedFrom(context map[string]string) carried {
	c := carried{Origin: context[keyOrigin], Format: formatOptions(context)}
	c.Dynamic = c.Origin != "" || context[keyProvisioner] != ""
	return c
}

// carry returns the volume_context of a volume: the backend's, what it started
// from, and the format options of its class.
func carry(context map[string]string, origin string, format map[string]string) map[string]string {
	out := make(map[string]string, len(context)+len(format)+1)
	maps.Copy(out, context)
	for k, v := range format {
		out[formatPrefix+k] = v
	}
	out[keyOrigin] = origin
	return out
}

// ownerFrom reads the claim and the volume that the provisioner names with
// --extra-create-metadata.
func ownerFrom(parameters map[string]string) Owner {
	return Owner{
		Namespace: parameters[keyClaimNamespace],
		Name:      parameters[keyClaim],
		Object:    parameters[keyPersistentVolume],
	}
}

// snapshotOwnerFrom is ownerFrom for the snapshotter's keys.
func snapshotOwnerFrom(parameters map[string]string) Owner {
	return Owner{
		Namespace: parameters[keyVolumeSnapshotSpace],
		Name:      parameters[keyVolumeSnapshot],
		Object:    parameters[keyVolumeSnapshotContents],
	}
}

// groupOwnerFrom is ownerFrom for the keys of group snapshots.
func groupOwnerFrom(parameters map[string]string) Owner {
	return Owner{
		Namespace: parameters[keyGroupSnapshotSpace],
		Name:      parameters[keyGroupSnapshot],
		Object:    parameters[keyGroupSnapshotContents],
	}
}
