package csitest

import (
	"context"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/mount/mounttest"
)

// A tamper makes the driver itself wrong, between it and the kit.
type tamper struct {
	name  string
	rpc   func(s *session) wire
	found []string
}

var tampers = []tamper{
	{"takes invalid requests", recode(codes.InvalidArgument, codes.OK), []string{
		"Rule2/NameMissing", "Rule2/CapabilitiesMissing", "Rule2/AllCapabilitiesMustHold", "Rule4/SourceUnsupported", "Rule8/DeleteWithoutID",
		"Rule12/FieldsMissing", "Rule13/NegativeMaxEntries", "Rule13/NegativeSnapshotEntries", "Rule15/FieldsMissing", "Rule36/FieldsMissing", "Rule17/RangeMissing",
		"Rule19/FieldsMissing", "Rule20/FieldsMissing", "Rule21/FieldsMissing", "Rule25/FieldsMissing", "Rule26/FieldsMissing",
		"Rule27/FieldsMissing", "Rule29/LongNames", "Rule29/Charset", "Rule29/LargeMaps", "Rule29/MountFlags", "Rule3/NotARange", "Rule39/TokensStaySecret",
		"Rule7/AllOrNothing", "Rule7/VolumeUnknown",
	}},
	{"takes what is out of range", recode(codes.OutOfRange, codes.OK), []string{"Rule3/Huge", "Rule4/RestoreTooSmall", "Rule4/CloneTooSmall", "Rule17/Huge"}},
	{"takes what exists and differs", recode(codes.AlreadyExists, codes.OK), []string{
		"Rule1/OtherSizeExists", "Rule1/OtherSourceExists", "Rule5/ElsewhereExists", "Rule10/OtherModeExists", "Rule10/ReadonlyIsOffered", "Rule15/OtherVolumeExists", "Rule36/OtherVolumesExist",
		"Rule19/OtherCapabilityExists", "Rule22/SameTargetOtherwise",
	}},
	{"takes what is in use", recode(codes.FailedPrecondition, codes.OK), []string{
		"Rule8/DeleteAttached", "Rule8/DeleteStaged", "Rule10/PublishToSecondNode", "Rule21/StagingPathMissing", "Rule21/NotStaged", "Rule22/SecondTargetRefused", "Rule19/Unsupported",
	}},
	{"takes what is exhausted", recode(codes.ResourceExhausted, codes.OK), []string{"Rule5/Nowhere", "Rule5/SnapshotWhereAsked"}},
	{"finds everything", recode(codes.NotFound, codes.OK), []string{
		"Rule4/SnapshotMissing", "Rule4/VolumeMissing", "Rule10/VolumeUnknown", "Rule10/NodeUnknown", "Rule12/VolumeUnknown", "Rule14/GetSnapshot",
		"Rule15/VolumeUnknown", "Rule17/VolumeUnknown", "Rule19/VolumeUnknown", "Rule26/Unknown", "Rule27/Unknown",
	}},
	{"takes any token", recode(codes.Aborted, codes.OK), []string{"Rule13/BadToken", "Rule13/BadSnapshotToken", "Rule31/PendingIsAborted"}},
	{"implements everything", recode(codes.Unimplemented, codes.OK), []string{"Rule32/UnofferedIsUnimplemented"}},
	{"says INTERNAL when it does not know", recode(codes.Unavailable, codes.Internal), []string{
		"Rule40/ErrorBeforeEveryCall", "Rule40/ErrorAfterEveryCall", "Rule40/PanicInEveryCall", "Rule40/CrashAfterEveryCall", "Rule40/ErrorsHaveTheirCodes",
	}},
	{"works once", failsRepeats(), []string{
		"Rule1/SameNameSameVolume", "Rule8/DeleteTwice", "Rule10/AttachTwice", "Rule11/DetachTwice", "Rule15/SameNameSameSnapshot", "Rule16/DeleteTwice",
		"Rule19/StageTwice", "Rule20/UnstageTwice", "Rule22/SameTarget", "Rule25/UnpublishTwice", "Rule31/RestartBetweenAnyTwo", "Rule40/ErrorBeforeEveryCall",
		"Regression/PublishDoesNotStack", "Regression/StagingDirectoryGone", "Regression/TargetDirectoryGone", "Rule25/AgainAfterUnpublish", "Rule30/LogsHoldNoSecret",
		"Rule1/SixteenParallelCreates", "Rule15/SixteenParallelSnapshots", "Rule31/IdenticalJoins", "Rule31/CancelledCreateGoesOn", "Rule31/LocateEndsWithItsCaller",
	}},
	{"says nothing", rephrase(func(_ *session, _, reply proto.Message) {
		switch reply.(type) {
		case *csipb.GetPluginInfoResponse, *csipb.ValidateVolumeCapabilitiesResponse, *csipb.GetCapacityResponse, *csipb.NodeGetVolumeStatsResponse:
			proto.Reset(reply)
		}
	}), []string{"Rule33/PluginInfo", "Rule12/Supported", "Rule12/UnsupportedIsNoError", "Rule3/Capacity", "Rule26/Usage"}},
	{"says what it cannot", rephrase(func(_ *session, _, reply proto.Message) {
		if r, ok := reply.(*csipb.ControllerGetCapabilitiesResponse); ok {
			r.Capabilities = r.GetCapabilities()[1:]
		}
	}), []string{"Rule32/CapabilitiesMatchBackend"}},
	{"says another thing each time", func() func(*session) wire {
		var ready bool
		return rephrase(func(_ *session, _, reply proto.Message) {
			switch r := reply.(type) {
			case *csipb.GetPluginCapabilitiesResponse:
				if ready = !ready; ready {
					r.Capabilities = r.GetCapabilities()[:1]
				}
			case *csipb.ProbeResponse:
				r.Ready = wrapperspb.Bool(false)
			}
		})
	}(), []string{"Rule32/SameOnEveryInstance", "Rule33/ProbeReady"}},
	{"refuses keys of Kubernetes", plain(func(ctx context.Context, _ string, req, _ proto.Message, send func(context.Context) error) error {
		if r, ok := req.(*csipb.CreateVolumeRequest); ok && r.GetParameters()["csi.storage.k8s.io/pv/name"] != "" {
			return status.Error(codes.InvalidArgument, "unknown parameter")
		}
		return send(ctx)
	}), []string{"Rule39/KubernetesKeysPass"}},
	{"limits paths", plain(func(ctx context.Context, _ string, req, _ proto.Message, send func(context.Context) error) error {
		if r, ok := req.(*csipb.NodePublishVolumeRequest); ok && strings.Contains(r.GetTargetPath(), "a-directory-with-a-long-name") {
			return status.Error(codes.InvalidArgument, "target_path is longer than 128 bytes")
		}
		return send(ctx)
	}), []string{"Rule29/LongPaths"}},
	{"does not filter", rewrite(func(_ *session, req proto.Message) {
		if r, ok := req.(*csipb.ListSnapshotsRequest); ok {
			r.SnapshotId, r.SourceVolumeId = "", ""
		}
	}), []string{"Rule14/UnknownIsEmpty", "Rule14/Filters"}},
	{"starts every page at the beginning", rewrite(func(_ *session, req proto.Message) {
		if r, ok := req.(*csipb.ListVolumesRequest); ok {
			r.StartingToken = ""
		}
	}), []string{"Rule13/EveryPageSize"}},
	{"pages by index", plain(pagesByIndex), []string{"Rule13/DeletedWhilePaging"}},
	{"ignores readonly", ignoreReadonly, []string{"Rule24/ReadonlyIsForOneTarget", "Rule22/SameTargetOtherwise"}},
	{"makes everything readonly", rewrite(func(_ *session, req proto.Message) {
		if r, ok := req.(*csipb.NodePublishVolumeRequest); ok {
			r.Readonly = true
		}
	}), []string{"Rule24/ReadonlyIsForOneTarget"}},
	{"lets everybody write", rewrite(func(_ *session, req proto.Message) {
		for _, c := range capabilitiesOf(req) {
			if c.GetAccessMode().GetMode() == csipb.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER {
				c.AccessMode.Mode = csipb.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER
			}
		}
	}), []string{"Rule22/SecondTargetRefused"}},
	{"lets one write", rewrite(func(_ *session, req proto.Message) {
		for _, c := range capabilitiesOf(req) {
			if c.GetAccessMode().GetMode() == csipb.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER {
				c.AccessMode.Mode = csipb.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER
			}
		}
	}), []string{"Rule22/SecondTarget", "Rule22/ParallelPublishes"}},
	{"compares secrets", rewrite(func(_ *session, req proto.Message) {
		if r, ok := req.(*csipb.NodePublishVolumeRequest); ok && r.GetSecrets()["other"] != "" {
			r.Readonly = true
		}
	}), []string{"Rule23/SecretsAreNotCompared"}},
	{"writes secrets down", rewrite(func(_ *session, req proto.Message) {
		if r, ok := req.(*csipb.NodeStageVolumeRequest); ok && len(r.GetSecrets()) > 0 {
			r.VolumeContext = map[string]string{"login": r.GetSecrets()["csitest"]}
		}
	}), []string{"Rule30/StateHoldsNoSecret"}},
	{"logs secrets", func(s *session) wire {
		return rewrite(func(s *session, req proto.Message) { _, _ = s.log.Write([]byte(prototext.Format(req))) })(s)
	}, []string{"Rule30/LogsHoldNoSecret", "Rule39/TokensStaySecret", "Rule8/DeleteTwice"}},
	{"does not unpublish", drop("NodeUnpublishVolume"), []string{"Rule25/UnpublishDeletesTarget", "Rule25/UnpublishTwice", "Regression/TargetLeftByACrash"}},
	{"does not unstage", drop("NodeUnstageVolume"), []string{"Rule20/UnstageUnmounts", "Rule19/EveryModeStages", "Ruling25/StateIsAHint"}},
	{"does not publish", drop("NodePublishVolume"), []string{"Rule22/SameTarget", "Rule19/EveryModeStages", "Ruling25/Reboot"}},
	{"does not grow the node", drop("NodeExpandVolume"), []string{"Rule27/SeesTheGrowth", "Rule27/Unknown"}},
	{"needs every field to grow", plain(func(ctx context.Context, _ string, req, _ proto.Message, send func(context.Context) error) error {
		if r, ok := req.(*csipb.NodeExpandVolumeRequest); ok && r.GetCapacityRange() == nil {
			return status.Error(codes.InvalidArgument, "no capacity_range")
		}
		return send(ctx)
	}), []string{"Rule27/EverythingIsOptional"}},
	{"fails to undo what was never done", plain(func(ctx context.Context, rpc string, req, _ proto.Message, send func(context.Context) error) error {
		if strings.Contains(prototext.Format(req), "never") && strings.HasPrefix(rpc, "NodeUn") {
			return status.Error(codes.NotFound, "no such volume")
		}
		return send(ctx)
	}), []string{"Rule20/UnstageNeverStaged", "Rule25/UnpublishNeverPublished"}},
	{"stacks mounts", func(s *session) wire {
		published := map[string]bool{}
		return rephrase(func(s *session, req, _ proto.Message) {
			if r, ok := req.(*csipb.NodePublishVolumeRequest); ok {
				if published[r.GetTargetPath()] {
					s.table.(*mounttest.Table).Stack(mounttest.Entry{Target: r.GetTargetPath()})
				}
				published[r.GetTargetPath()] = true
			}
		})(s)
	}, []string{"Rule22/SameTarget", "Regression/PublishDoesNotStack"}},
	{"deletes what is in a target", func(s *session) wire {
		return rewrite(func(_ *session, req proto.Message) {
			if r, ok := req.(*csipb.NodeUnpublishVolumeRequest); ok {
				_ = os.RemoveAll(r.GetTargetPath())
			}
		})(s)
	}, []string{"Regression/TargetWithFiles"}},
	{"cannot use a target that exists", plain(func(ctx context.Context, _ string, req, _ proto.Message, send func(context.Context) error) error {
		if r, ok := req.(*csipb.NodePublishVolumeRequest); ok && exists(r.GetTargetPath()) {
			return status.Error(codes.Internal, "mkdir: file exists")
		}
		return send(ctx)
	}), []string{"Regression/TargetLeftByACrash"}},
	{"never joins", rewrite(func(s *session, req proto.Message) {
		if r, ok := req.(*csipb.CreateVolumeRequest); ok {
			r.Parameters["csi.storage.k8s.io/pvc/name"] = s.name("pvc")
		}
	}), []string{"Rule31/IdenticalJoins"}},
	{"does not hear that its caller left", plain(func(ctx context.Context, _ string, _, _ proto.Message, send func(context.Context) error) error {
		done := make(chan error, 1)
		go func() { done <- send(context.WithoutCancel(ctx)) }()
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}), []string{"Rule31/LocateEndsWithItsCaller"}},
	{"never cancels", drop("NodeUnstageVolume", "ControllerUnpublishVolume"), []string{"Rule31/UnstageCancelsStage", "Rule31/DetachCancelsAttach"}},
	{"makes readers wait", plain(func(ctx context.Context, rpc string, _, _ proto.Message, send func(context.Context) error) error {
		if rpc == "ValidateVolumeCapabilities" {
			return status.Error(codes.DeadlineExceeded, "waited for DeleteVolume")
		}
		return send(ctx)
	}), []string{"Rule31/ReadsDoNotWait"}},
	{"says every snapshot is gone", plain(func(ctx context.Context, rpc string, _, _ proto.Message, send func(context.Context) error) error {
		if rpc == "GetSnapshot" {
			return status.Error(codes.NotFound, "no such snapshot")
		}
		return send(ctx)
	}), []string{"Rule14/GetSnapshot", "Rule9/SnapshotOutlivesVolume"}},
}
