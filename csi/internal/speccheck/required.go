package speccheck

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// required lists the fields that csi.proto calls REQUIRED and whose zero value
// is not a value. (node_expansion_required, readonly and ready_to_use are
// REQUIRED too, but false is an answer.)
var required = map[protoreflect.Name][]protoreflect.Name{
	"CreateVolumeRequest":               {"name", "volume_capabilities"},
	"DeleteVolumeRequest":               {"volume_id"},
	"ControllerPublishVolumeRequest":    {"volume_id", "node_id", "volume_capability"},
	"ControllerUnpublishVolumeRequest":  {"volume_id"},
	"ValidateVolumeCapabilitiesRequest": {"volume_id", "volume_capabilities"},
	"ControllerGetVolumeRequest":        {"volume_id"},
	"ControllerModifyVolumeRequest":     {"volume_id", "mutable_parameters"},
	"CreateSnapshotRequest":             {"source_volume_id", "name"},
	"DeleteSnapshotRequest":             {"snapshot_id"},
	"GetSnapshotRequest":                {"snapshot_id"},
	"CreateVolumeGroupSnapshotRequest":  {"name", "source_volume_ids"},
	"DeleteVolumeGroupSnapshotRequest":  {"group_snapshot_id"}, // csi-sanity sends no snapshot_ids
	"GetVolumeGroupSnapshotRequest":     {"group_snapshot_id"},
	"ControllerExpandVolumeRequest":     {"volume_id", "capacity_range"},
	"NodeStageVolumeRequest":            {"volume_id", "staging_target_path", "volume_capability"},
	"NodeUnstageVolumeRequest":          {"volume_id", "staging_target_path"},
	"NodePublishVolumeRequest":          {"volume_id", "target_path", "volume_capability"},
	"NodeUnpublishVolumeRequest":        {"volume_id", "target_path"},
	"NodeGetVolumeStatsRequest":         {"volume_id", "volume_path"},
	"NodeExpandVolumeRequest":           {"volume_id", "volume_path"},
	"ControllerGetVolumeHealthRequest":  {"volume_id"},
	"NodeGetVolumeHealthRequest":        {"volume_id"},

	"VolumeCapability": {"access_mode"},
	"AccessMode":       {"mode"},
	"SnapshotSource":   {"snapshot_id"},
	"VolumeSource":     {"volume_id"},

	"GetPluginInfoResponse":             {"name"},
	"CreateVolumeResponse":              {"volume"},
	"Volume":                            {"volume_id"},
	"Confirmed":                         {"volume_capabilities"},
	"ControllerGetVolumeResponse":       {"volume", "status"},
	"ControllerExpandVolumeResponse":    {"capacity_bytes"},
	"ControllerGetVolumeHealthResponse": {"volume_health"},
	"NodeGetVolumeHealthResponse":       {"volume_health"},
	"VolumeHealth":                      {"volume_id"},
	"VolumeHealthEntry":                 {"status", "reason"},
	"CreateSnapshotResponse":            {"snapshot"},
	"GetSnapshotResponse":               {"snapshot"},
	"Snapshot":                          {"snapshot_id", "source_volume_id", "creation_time"},
	"CreateVolumeGroupSnapshotResponse": {"group_snapshot"},
	"GetVolumeGroupSnapshotResponse":    {"group_snapshot"},
	"VolumeGroupSnapshot":               {"group_snapshot_id", "snapshots", "creation_time"},
	"NodeGetInfoResponse":               {"node_id"},
	"VolumeUsage":                       {"unit"},
	"Entry":                             {"volume", "snapshot"},
}

func isRequired(fd protoreflect.FieldDescriptor) bool {
	return slices.Contains(required[fd.ContainingMessage().Name()], fd.Name())
}

// wanted says what a required field must hold.
func wanted(fd protoreflect.FieldDescriptor) string {
	switch {
	case fd.IsMap(), fd.IsList():
		return "at least one element"
	case fd.Kind() == protoreflect.StringKind:
		return "a string that is not empty"
	case fd.Kind() == protoreflect.EnumKind:
		return "a value of " + string(fd.Enum().FullName()) + " other than 0"
	}
	return "a value"
}
