package csitest

import (
	"os"
	"path/filepath"

	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// regressions are faults that drivers have had, each with its report. A check
// stays here for good, even where another one covers it.
var regressions = []check{
	{"Regression/PublishDoesNotStack", "https://github.com/spiffe/spiffe-csi/issues/331 and https://github.com/topolvm/topolvm/issues/1225: each kubelet restart stacked four more mounts", []need{provisions}, doesNotStack},
	{"Regression/StagingDirectoryGone", "https://github.com/kubernetes/kubernetes/issues/121357: the kubelet removes the staging directory; unstage and stage must still work", []need{provisions, stages}, stagingDirectoryGone},
	{"Regression/TargetDirectoryGone", "https://github.com/kubernetes/kubernetes/issues/122342: a pod whose directory is gone stays in Terminating unless unpublish is OK", []need{provisions}, targetDirectoryGone},
	{"Regression/TargetLeftByACrash", "an empty directory at the target, left by a crash between mkdir and mount, is not in the way of publish and is removed by unpublish (spec.md, NodePublishVolume)", []need{provisions, fileSystem}, targetLeftByCrash},
	{"Regression/TargetWithFiles", "unpublish of a directory that is no mount never deletes files in it: os.RemoveAll on a target has destroyed data (kubernetes-csi/csi-driver-host-path pkg/hostpath/nodeserver.go)", []need{provisions, fileSystem}, targetWithFiles},
	{"Regression/ExpandBeforeStage", "https://github.com/kubernetes/kubernetes/issues/94929: a volume that grew before it was staged has its new size when it is published", []need{provisions, expands, tellsStats}, expandBeforeStage},
}

func doesNotStack(s *session) {
	v := s.create().stage()
	target := v.publish("pod")
	for range 4 {
		v.publish("pod")
	}
	if layers := s.mounted(target).Layers; layers != 1 {
		s.Errorf("%d mounts are stacked at the target", layers)
	}
	v.unpublish(target)
	if _, err := s.table.Find(target); err == nil {
		s.Errorf("one NodeUnpublishVolume did not undo it")
	}
}

func stagingDirectoryGone(s *session) {
	v := s.create().stage()
	v.unstage()
	s.must("remove the staging directory", os.RemoveAll(filepath.Dir(v.staging())))
	v.unstage()
	v.stage()
}

func targetDirectoryGone(s *session) {
	v := s.create().stage()
	target := v.publish("pod")
	v.unpublish(target)
	s.must("remove the pod's directory", os.RemoveAll(filepath.Dir(target)))
	v.unpublish(target)
}

func targetLeftByCrash(s *session) {
	v := s.create().stage()
	s.must("mkdir", os.Mkdir(v.target("pod"), 0o750))
	v.publish("pod")
	s.must("mkdir", os.Mkdir(v.target("other-pod"), 0o750))
	v.unpublish(v.target("other-pod"))
	if exists(v.target("other-pod")) {
		s.Errorf("NodeUnpublishVolume left the empty directory at its target")
	}
}

func targetWithFiles(s *session) {
	v := s.create().stage()
	file := filepath.Join(v.target("pod"), "precious")
	s.must("mkdir", os.Mkdir(v.target("pod"), 0o750))
	s.must("write", os.WriteFile(file, []byte("data"), 0o600))
	_, err := s.node.NodeUnpublishVolume(s.ctx(), v.unpublishRequest(v.target("pod")))
	if !exists(file) {
		s.Errorf("NodeUnpublishVolume deleted a file in a directory that is no mount")
	}
	if err == nil && exists(v.target("pod")) {
		s.Errorf("NodeUnpublishVolume says that the target is gone, and it is not")
	}
	s.must("clean up", os.RemoveAll(v.target("pod")))
}

func expandBeforeStage(s *session) {
	v := s.create()
	_, err := s.controller.ControllerExpandVolume(s.ctx(), v.expandRequest(2*s.h.size()))
	s.wantCode("ControllerExpandVolume of a volume that is not published", err, codes.OK)
	target := v.stage().publish("pod")
	_, err = s.node.NodeExpandVolume(s.ctx(), &csipb.NodeExpandVolumeRequest{VolumeId: v.GetVolumeId(), VolumePath: target})
	if expandsNode.met(s) {
		s.wantCode("NodeExpandVolume", err, codes.OK)
	}
	if total := v.total(target); total < s.h.size()*12/10 {
		s.Errorf("the volume grew to %d bytes before it was staged, NodeGetVolumeStats says %d", 2*s.h.size(), total)
	}
}
