package csi

import (
	"strings"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// stagedFromProto converts a stage request that validate has accepted.
func stagedFromProto(r *csipb.NodeStageVolumeRequest) (NodeVolume, carried, error) {
	access, err := accessFromProto(r.GetVolumeCapability())
	return NodeVolume{
		ID:             r.GetVolumeId(),
		Context:        backendKeys(r.GetVolumeContext()),
		PublishContext: r.GetPublishContext(),
		Access:         access,
		Secrets:        secretsFromProto(r.GetSecrets()),
	}, carriedFrom(r.GetVolumeContext()), err
}

// publishedFromProto converts a publish request that validate has accepted.
// Secrets are those of the publish request.
func publishedFromProto(r *csipb.NodePublishVolumeRequest) (NodeVolume, carried, error) {
	v := NodeVolume{
		ID:             r.GetVolumeId(),
		Context:        backendKeys(r.GetVolumeContext()),
		PublishContext: r.GetPublishContext(),
		ReadOnly:       r.GetReadonly(),
		Ephemeral:      r.GetVolumeContext()[keyEphemeral] == "true",
		Secrets:        secretsFromProto(r.GetSecrets()),
	}
	var err error
	if v.Access, err = accessFromProto(r.GetVolumeCapability()); err == nil {
		v.Pod, err = podFrom(r.GetVolumeContext(), r.GetSecrets())
	}
	return v, carriedFrom(r.GetVolumeContext()), err
}

// secretsFromProto leaves out what is the CO's, such as tokens.
func secretsFromProto(m map[string]string) Secrets {
	var out Secrets
	for k, v := range m {
		if strings.HasPrefix(k, coPrefix) {
			continue
		}
		if out == nil {
			out = make(Secrets, len(m))
		}
		out[k] = v
	}
	return out
}

// usageToProto converts a usage; inodes are left out if there are none.
func usageToProto(u Usage) []*csipb.VolumeUsage {
	out := []*csipb.VolumeUsage{countToProto(u.Bytes, csipb.VolumeUsage_BYTES)}
	if u.Inodes != (Count{}) {
		out = append(out, countToProto(u.Inodes, csipb.VolumeUsage_INODES))
	}
	return out
}

// countToProto never yields a negative number, which the spec forbids.
func countToProto(c Count, unit csipb.VolumeUsage_Unit) *csipb.VolumeUsage {
	return &csipb.VolumeUsage{Unit: unit, Total: max(c.Total, 0), Used: max(c.Used, 0), Available: max(c.Available, 0)}
}
