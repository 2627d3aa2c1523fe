package csitest

import (
	"errors"
	"os"

	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

var publishChecks = []check{
	{"Rule21/StagingPathMissing", "NodePublishVolume without a staging path is FAILED_PRECONDITION if the driver stages (spec.md, NodePublishVolume)", []need{provisions, stages}, publishWithoutStaging},
	{"Rule21/NotStaged", "NodePublishVolume of a volume that is not staged is FAILED_PRECONDITION (spec.md, NodePublishVolume)", []need{provisions, stages}, publishNotStaged},
	{"Rule21/FieldsMissing", "a missing id, path or capability is INVALID_ARGUMENT (spec.md, NodePublishVolume)", []need{provisions}, publishFieldsMissing},
	{"Rule22/SameTarget", "publishing again, identical, is OK and mounts nothing more, after a restart too (spec.md, NodePublishVolume)", []need{provisions}, publishSameTarget},
	{"Rule22/SameTargetOtherwise", "publishing again at the target, otherwise, is ALREADY_EXISTS (spec.md, NodePublishVolume)", []need{provisions}, publishSameTargetOtherwise},
	{"Rule22/SecondTargetRefused", "a second target of a single writer is FAILED_PRECONDITION (spec.md, NodePublishVolume)", []need{provisions, mountMode(csi.SingleNodeSingleWriter)}, publishSecondTargetRefused},
	{"Rule22/SecondTarget", "a second target of SINGLE_NODE_MULTI_WRITER is OK, and independent of the first (spec.md, NodePublishVolume)", []need{provisions, mountMode(csi.SingleNodeMultiWriter)}, publishSecondTarget},
	{"Rule23/SecretsAreNotCompared", "publishing again with other secrets is OK (spec.md, NodePublishVolume)", []need{provisions}, publishOtherSecrets},
	{"Rule24/ReadonlyIsForOneTarget", "readonly makes this target read-only, and no other (spec.md, NodePublishVolume)", []need{provisions, mountMode(csi.SingleNodeMultiWriter)}, publishReadonly},
	{"Rule25/UnpublishDeletesTarget", "NodeUnpublishVolume unmounts and deletes the target (spec.md, NodeUnpublishVolume)", []need{provisions}, unpublishDeletes},
	{"Rule25/UnpublishTwice", "NodeUnpublishVolume of what is not published is OK, after a restart too (spec.md, NodeUnpublishVolume)", []need{provisions}, unpublishTwice},
	{"Rule25/UnpublishNeverPublished", "NodeUnpublishVolume of a volume or a path that never was is OK (spec.md, NodeUnpublishVolume)", nil, unpublishNeverPublished},
	{"Rule25/FieldsMissing", "a missing id or path is INVALID_ARGUMENT (spec.md, NodeUnpublishVolume)", nil, unpublishFieldsMissing},
	{"Rule25/AgainAfterUnpublish", "after NodeUnpublishVolume the volume can be published elsewhere (spec.md, NodeUnpublishVolume)", []need{provisions}, publishAfterUnpublish},
}

// publishFails sends a publish request that must fail.
func (v *volume) publishFails(what string, want codes.Code, edit func(*csipb.NodePublishVolumeRequest)) {
	v.s.Helper()
	_, err := v.s.node.NodePublishVolume(v.s.ctx(), v.publishRequest("pod", edit))
	v.s.wantCode("NodePublishVolume "+what, err, want)
}

func publishWithoutStaging(s *session) {
	s.create().stage().publishFails("without a staging path", codes.FailedPrecondition, func(r *csipb.NodePublishVolumeRequest) {
		r.StagingTargetPath = ""
	})
}

func publishNotStaged(s *session) {
	s.create().attach(s.nodeID).publishFails("of a volume that is not staged", codes.FailedPrecondition, func(r *csipb.NodePublishVolumeRequest) {})
}

func publishFieldsMissing(s *session) {
	v := s.create().stage()
	for what, edit := range map[string]func(*csipb.NodePublishVolumeRequest){
		"without an id":        func(r *csipb.NodePublishVolumeRequest) { r.VolumeId = "" },
		"without a target":     func(r *csipb.NodePublishVolumeRequest) { r.TargetPath = "" },
		"without a capability": func(r *csipb.NodePublishVolumeRequest) { r.VolumeCapability = nil },
	} {
		v.publishFails(what, codes.InvalidArgument, edit)
	}
}

func publishSameTarget(s *session) {
	v := s.create().stage()
	target := v.publish("pod")
	before := s.mountsLeft()
	for _, again := range []func(){func() {}, func() {}, s.restart} {
		again()
		v.publish("pod")
		if after, info := s.mountsLeft(), s.mounted(target); len(after) != len(before) || info.Layers > 1 {
			s.Errorf("publishing again made the mounts %v of %v; %d are stacked at the target", after, before, info.Layers)
		}
	}
}

func publishSameTargetOtherwise(s *session) {
	v := s.create().stage()
	v.publish("pod")
	v.publishFails("at the same target, now readonly", codes.AlreadyExists, func(r *csipb.NodePublishVolumeRequest) { r.Readonly = true })
	if s.mounted(v.target("pod")).ReadOnly {
		s.Errorf("the refused request made the target read-only")
	}
}

func publishSecondTargetRefused(s *session) {
	v := s.createMode(csi.SingleNodeSingleWriter).stage()
	v.publish("pod")
	_, err := s.node.NodePublishVolume(s.ctx(), v.publishRequest("other-pod"))
	s.wantCode("NodePublishVolume of a single writer at a second target", err, codes.FailedPrecondition)
	s.restart()
	_, err = s.node.NodePublishVolume(s.ctx(), v.publishRequest("other-pod"))
	s.wantCode("the same after a restart", err, codes.FailedPrecondition)
	if exists(v.target("other-pod")) {
		s.Errorf("the refused request left its target")
	}
}

func publishSecondTarget(s *session) {
	v := s.createMode(csi.SingleNodeMultiWriter).stage()
	first, second := v.publish("pod"), v.publish("other-pod")
	v.unpublish(first)
	s.mounted(second)
}

func publishOtherSecrets(s *session) {
	v := s.create().stage()
	v.publish("pod")
	v.publish("pod", func(r *csipb.NodePublishVolumeRequest) { r.Secrets = map[string]string{"other": tokenCanary} })
}

func publishReadonly(s *session) {
	if s.isBlock() {
		publishReadonlyRaw(s)
		return
	}
	v := s.createMode(csi.SingleNodeMultiWriter).stage()
	writable := v.publish("pod")
	readonly := v.publish("reader", func(r *csipb.NodePublishVolumeRequest) { r.Readonly = true })
	if !s.mounted(readonly).ReadOnly {
		s.Errorf("the target that was published readonly is writable")
	}
	if s.mounted(writable).ReadOnly {
		s.Errorf("the target that was published writable has become read-only")
	}
}

// publishReadonlyRaw: the kernel lets all of a node write to a device or none,
// whatever the mount of its node says.
func publishReadonlyRaw(s *session) {
	v := s.createMode(csi.SingleNodeMultiWriter).stage()
	readonly := func(r *csipb.NodePublishVolumeRequest) { r.Readonly = true }
	writable := v.publish("writer")
	v.publishFails("of a raw device readonly while another target can write", codes.FailedPrecondition, readonly)
	v.unpublish(writable)
	f, err := os.OpenFile(v.publish("reader", readonly), os.O_WRONLY, 0)
	if err != nil {
		return // refused already
	}
	_, err = f.Write(payload(1))
	if err = errors.Join(err, f.Sync()); err == nil {
		s.Errorf("a raw device that is published readonly was written")
	}
	s.must("close", f.Close())
}

func unpublishDeletes(s *session) {
	v := s.create().stage()
	target := v.publish("pod")
	v.unpublish(target)
	if exists(target) {
		s.Errorf("the target %s still exists", target)
	}
	if _, err := s.table.Find(target); err == nil {
		s.Errorf("the target %s is still mounted", target)
	}
}

func unpublishTwice(s *session) {
	v := s.create().stage()
	target := v.target("pod")
	v.unpublish(target)
	v.publish("pod")
	for range 3 {
		v.unpublish(target)
	}
	s.restart()
	v.unpublish(target)
}

func unpublishNeverPublished(s *session) {
	_, err := s.node.NodeUnpublishVolume(s.ctx(), &csipb.NodeUnpublishVolumeRequest{VolumeId: "csitest-unknown", TargetPath: s.path("pods", "never", "mount")})
	s.wantCode("NodeUnpublishVolume of an unknown volume", err, codes.OK)
}

func unpublishFieldsMissing(s *session) {
	for what, r := range map[string]*csipb.NodeUnpublishVolumeRequest{
		"an id":    {TargetPath: s.path("pods", "never", "mount")},
		"a target": {VolumeId: "csitest"},
	} {
		_, err := s.node.NodeUnpublishVolume(s.ctx(), r)
		s.wantCode("NodeUnpublishVolume without "+what, err, codes.InvalidArgument)
	}
}

func publishAfterUnpublish(s *session) {
	v := s.create().stage()
	for range 2 {
		for _, pod := range []string{"pod", "other-pod"} {
			v.unpublish(v.publish(pod))
		}
	}
}
