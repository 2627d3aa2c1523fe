package csi

import (
	"strings"

	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// validateOffered checks the fields that the spec ties to a capability.
func (d *Driver) validateOffered(req proto.Message) error {
	f := &d.features
	if err := f.validateMountGroup(req); err != nil {
		return err
	}
	switch r := req.(type) {
	case *csipb.CreateVolumeRequest:
		return f.validateCreate(r)
	case *csipb.ControllerPublishVolumeRequest:
		return unoffered(r.GetReadonly() && !f.traits.ReadOnlyAttach, "readonly", "PUBLISH_READONLY")
	case *csipb.ValidateVolumeCapabilitiesRequest:
		return unoffered(r.GetMutableParameters() != nil && f.modifier == nil, "mutable_parameters", "MODIFY_VOLUME")
	case *csipb.GetCapacityRequest:
		return unoffered(r.GetAccessibleTopology() != nil && !f.topology(), "accessible_topology", "VOLUME_ACCESSIBILITY_CONSTRAINTS")
	case *csipb.CreateSnapshotRequest:
		return unoffered(r.GetAccessibilityRequirements() != nil && !f.traits.SnapshotTopology, "accessibility_requirements", "SNAPSHOT_ACCESSIBILITY_CONSTRAINTS")
	case *csipb.NodePublishVolumeRequest:
		return f.validatePublish(r)
	case interface{ GetVolumePath() string }:
		return validateVolumePath(r.GetVolumePath())
	}
	return nil
}

// validateVolumePath answers NOT_FOUND to a relative path, as csi-sanity
// demands (csi-test pkg/sanity/node.go): no volume is published there.
func validateVolumePath(path string) error {
	if strings.HasPrefix(path, "/") {
		return nil
	}
	return refuse(ErrNotFound, "volume_path: found %q, want the absolute path at which a volume is published or staged", path)
}

// topology reports whether volumes are reachable only from certain places.
func (f *features) topology() bool { return len(f.traits.TopologyKeys) > 0 }

func (f *features) validateCreate(r *csipb.CreateVolumeRequest) error {
	source := r.GetVolumeContentSource()
	for _, err := range []error{
		unoffered(r.GetMutableParameters() != nil && f.modifier == nil, "mutable_parameters", "MODIFY_VOLUME"),
		unoffered(r.GetAccessibilityRequirements() != nil && !f.topology(), "accessibility_requirements", "VOLUME_ACCESSIBILITY_CONSTRAINTS"),
		unoffered(source.GetSnapshot() != nil && f.snapshotter == nil, "volume_content_source.snapshot", "CREATE_DELETE_SNAPSHOT"),
		unoffered(source.GetVolume() != nil && f.cloner == nil, "volume_content_source.volume", "CLONE_VOLUME"),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// validatePublish demands the staging path of a driver that stages. Inline
// volumes are never staged (contract ruling 30).
func (f *features) validatePublish(r *csipb.NodePublishVolumeRequest) error {
	if !f.stages() || r.GetStagingTargetPath() != "" || r.GetVolumeContext()[keyEphemeral] == "true" {
		return nil
	}
	return refuse(ErrInUse, "NodePublishVolumeRequest.staging_target_path: found nothing, want the path where the volume is staged, since the driver has STAGE_UNSTAGE_VOLUME; call NodeStageVolume first")
}

// validateMountGroup refuses a mount group that nobody would honour.
func (f *features) validateMountGroup(req proto.Message) error {
	if f.traits.MountGroup {
		return nil
	}
	for _, c := range capabilitiesIn(req) {
		if err := unoffered(c.GetMount().GetVolumeMountGroup() != "", "volume_capability.mount.volume_mount_group", "VOLUME_MOUNT_GROUP"); err != nil {
			return err
		}
	}
	return nil
}

// capabilitiesIn returns the volume capabilities that a request carries.
func capabilitiesIn(req proto.Message) []*csipb.VolumeCapability {
	switch r := req.(type) {
	case interface {
		GetVolumeCapabilities() []*csipb.VolumeCapability
	}:
		return r.GetVolumeCapabilities()
	case interface {
		GetVolumeCapability() *csipb.VolumeCapability
	}:
		return []*csipb.VolumeCapability{r.GetVolumeCapability()}
	}
	return nil
}

// unoffered refuses a field that is set although the driver lacks the
// capability that it needs.
func unoffered(set bool, field, capability string) error {
	if !set {
		return nil
	}
	return refuse(ErrInvalid, "%s is set, want it unset: the driver does not have the capability %s", field, capability)
}
