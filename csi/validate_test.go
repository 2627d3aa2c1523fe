package csi

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// requests are one message of each RPC that a driver serves.
var requests = map[string]proto.Message{
	csipb.Controller_CreateVolume_FullMethodName:               &csipb.CreateVolumeRequest{},
	csipb.Controller_DeleteVolume_FullMethodName:               &csipb.DeleteVolumeRequest{},
	csipb.Controller_ControllerPublishVolume_FullMethodName:    &csipb.ControllerPublishVolumeRequest{},
	csipb.Controller_ControllerUnpublishVolume_FullMethodName:  &csipb.ControllerUnpublishVolumeRequest{},
	csipb.Controller_ValidateVolumeCapabilities_FullMethodName: &csipb.ValidateVolumeCapabilitiesRequest{},
	csipb.Controller_ListVolumes_FullMethodName:                &csipb.ListVolumesRequest{},
	csipb.Controller_GetCapacity_FullMethodName:                &csipb.GetCapacityRequest{},
	csipb.Controller_CreateSnapshot_FullMethodName:             &csipb.CreateSnapshotRequest{},
	csipb.Controller_DeleteSnapshot_FullMethodName:             &csipb.DeleteSnapshotRequest{},
	csipb.Controller_ListSnapshots_FullMethodName:              &csipb.ListSnapshotsRequest{},
	csipb.Controller_GetSnapshot_FullMethodName:                &csipb.GetSnapshotRequest{},
	csipb.Controller_ControllerExpandVolume_FullMethodName:     &csipb.ControllerExpandVolumeRequest{},
	csipb.Controller_ControllerGetVolume_FullMethodName:        &csipb.ControllerGetVolumeRequest{},
	csipb.Controller_ControllerModifyVolume_FullMethodName:     &csipb.ControllerModifyVolumeRequest{},
	csipb.Node_NodeStageVolume_FullMethodName:                  &csipb.NodeStageVolumeRequest{},
	csipb.Node_NodeUnstageVolume_FullMethodName:                &csipb.NodeUnstageVolumeRequest{},
	csipb.Node_NodePublishVolume_FullMethodName:                &csipb.NodePublishVolumeRequest{},
	csipb.Node_NodeUnpublishVolume_FullMethodName:              &csipb.NodeUnpublishVolumeRequest{},
	csipb.Node_NodeGetVolumeStats_FullMethodName:               &csipb.NodeGetVolumeStatsRequest{},
	csipb.Node_NodeExpandVolume_FullMethodName:                 &csipb.NodeExpandVolumeRequest{},
}

// validating is a driver of whose abilities only their presence matters.
func validating(traits Traits) *Driver {
	var all struct {
		Provisioner
		Attacher
		Expander
		Modifier
		Snapshotter
		Cloner
		VolumeLister
		SnapshotLister
		CapacityReporter
	}
	return &Driver{log: slog.New(slog.DiscardHandler), features: features{
		provisioner: all, attacher: all, expander: all, modifier: all, snapshotter: all, cloner: all,
		volumeLister: all, snapshotLister: all, capacity: all, traits: traits,
	}}
}

func codeOfValidation(d *Driver, method string, req proto.Message) codes.Code {
	return status.Code(statusOf(d.validate(method, req), true))
}

func TestRule21_StagingPathIsAPrecondition(t *testing.T) {
	r := publishRequest()
	r.TargetPath = "/target"
	r.VolumeCapability.GetMount().VolumeMountGroup = ""
	const method = csipb.Node_NodePublishVolume_FullMethodName
	require.Equal(t, codes.OK, codeOfValidation(validating(Traits{}), method, r), "ruling 30: inline volumes are not staged")
	r.VolumeContext = nil
	require.Equal(t, codes.FailedPrecondition, codeOfValidation(validating(Traits{}), method, r))
	require.Equal(t, codes.OK, codeOfValidation(validating(Traits{PerPod: true}), method, r))
	r.TargetPath = ""
	require.Equal(t, codes.InvalidArgument, codeOfValidation(validating(Traits{}), method, r))
}

func TestRule38_MountGroupNeedsItsCapability(t *testing.T) {
	r := publishRequest()
	r.TargetPath = "/target"
	const method = csipb.Node_NodePublishVolume_FullMethodName
	require.Equal(t, codes.InvalidArgument, codeOfValidation(validating(Traits{}), method, r))
	require.Equal(t, codes.OK, codeOfValidation(validating(Traits{MountGroup: true}), method, r))
}

// TestValidate_EmptyRequests: what has required fields is refused empty, and
// what has none is not.
func TestValidate_EmptyRequests(t *testing.T) {
	none := map[string]bool{
		csipb.Controller_ListVolumes_FullMethodName: true, csipb.Controller_ListSnapshots_FullMethodName: true,
		csipb.Controller_GetCapacity_FullMethodName: true,
	}
	d := validating(Traits{})
	for method, r := range requests {
		want := codes.InvalidArgument
		if none[method] {
			want = codes.OK
		}
		require.Equal(t, want, codeOfValidation(d, method, r), method)
	}
	require.NoError(t, d.validate("/grpc.health.v1.Health/Check", &csipb.ProbeRequest{}), "other services are not ours to check")
	require.NoError(t, d.validate("/x/y", nil))
}

// FuzzValidate: no request makes validation panic, change the request or
// answer with a code that says that something was attempted.
func FuzzValidate(f *testing.F) {
	for _, r := range []proto.Message{publishRequest(), &csipb.CreateVolumeRequest{Name: "a", CapacityRange: &csipb.CapacityRange{RequiredBytes: 1}}} {
		raw, err := proto.Marshal(r)
		require.NoError(f, err)
		f.Add(raw)
	}
	d := validating(Traits{TopologyKeys: []string{"zone"}})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for method, empty := range requests {
			r := empty.ProtoReflect().New().Interface()
			if proto.Unmarshal(raw, r) != nil {
				continue
			}
			before := proto.Clone(r)
			switch c := codeOfValidation(d, method, r); c {
			case codes.OK, codes.InvalidArgument, codes.OutOfRange, codes.FailedPrecondition, codes.NotFound, codes.Unimplemented:
			default:
				t.Fatalf("%s: %s", method, c)
			}
			if !proto.Equal(before, r) {
				t.Fatalf("%s: the request was changed", method)
			}
		}
	})
}

func BenchmarkValidate_NodePublishVolume(b *testing.B) {
	d, r := validating(Traits{MountGroup: true}), publishRequest()
	r.TargetPath, r.StagingTargetPath = "/target", "/staging"
	b.ReportAllocs()
	for b.Loop() {
		if err := d.validate(csipb.Node_NodePublishVolume_FullMethodName, r); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRule26_RelativePathIsNoVolume(t *testing.T) {
	d := validating(Traits{})
	require.Equal(t, codes.NotFound, codeOfValidation(d, csipb.Node_NodeGetVolumeStats_FullMethodName,
		&csipb.NodeGetVolumeStatsRequest{VolumeId: "v", VolumePath: "some/path"}))
	require.Equal(t, codes.NotFound, codeOfValidation(d, csipb.Node_NodeExpandVolume_FullMethodName,
		&csipb.NodeExpandVolumeRequest{VolumeId: "v", VolumePath: "some/path"}))
}
