package csitest

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var negationChecks = []check{
	{"Rule31/UnstageCancelsStage", "NodeUnstageVolume cancels a running NodeStageVolume, awaits it, and then unstages (contract ruling 9)", []need{provisions, stages}, unstageCancelsStage},
	{"Rule31/DetachCancelsAttach", "ControllerUnpublishVolume cancels a running ControllerPublishVolume, awaits it, and then detaches (contract ruling 9)", []need{provisions, attaches}, detachCancelsAttach},
	{"Rule31/LocateEndsWithItsCaller", "Locate stops waiting for a device when its last caller leaves; a retry then works at once (contract ruling 8)", []need{provisions, stages}, locateEndsWithCaller},
}

// negate holds the backend's call of one RPC, sends the RPC's negation, and
// proves that the call was cancelled and that the negation is done.
func (s *session) negate(call string, rpc, negation func() error) {
	s.Helper()
	h := s.hold(call)
	defer h.letGo()
	done := async(rpc)
	running := h.await(s)
	negated := async(negation)
	select {
	case <-running.Done():
	case <-s.ctx().Done():
		s.Fatalf("the backend's %s was not cancelled by the negation", call)
	}
	s.wantCode("the negation", <-negated, codes.OK)
	err := <-done
	s.wantCode("the RPC that was negated", err, codes.Aborted, codes.Canceled, codes.Unavailable)
	if context.Cause(running) == nil {
		s.Errorf("the context of %s has no cause", call)
	}
}

func unstageCancelsStage(s *session) {
	v := s.create().attach(s.nodeID)
	s.negate("Locate",
		func() error { _, err := s.node.NodeStageVolume(s.ctx(), v.stageRequest()); return err },
		func() error { _, err := s.node.NodeUnstageVolume(s.ctx(), v.unstageRequest()); return err })
	if left := s.mountsLeft(); len(left) > 0 {
		s.Errorf("the mounts %v are left", left)
	}
	v.stage()
}

func detachCancelsAttach(s *session) {
	v := s.create()
	s.negate("Attach",
		func() error {
			_, err := s.controller.ControllerPublishVolume(s.ctx(), v.attachRequest(s.nodeID))
			return err
		},
		func() error {
			_, err := s.controller.ControllerUnpublishVolume(s.ctx(), v.detachRequest(s.nodeID))
			return err
		})
	_, err := s.controller.DeleteVolume(s.ctx(), v.deleteRequest())
	s.wantCode("DeleteVolume after the detach", err, codes.OK)
}

func locateEndsWithCaller(s *session) {
	v := s.create().attach(s.nodeID)
	h := s.hold("Locate")
	defer h.letGo()
	ctx, cancel := context.WithCancel(s.ctx())
	done := async(func() error { _, err := s.node.NodeStageVolume(ctx, v.stageRequest()); return err })
	running := h.await(s)
	cancel()
	if err := <-done; status.Code(err) != codes.Canceled {
		s.Errorf("NodeStageVolume whose caller left: %v", err)
	}
	select {
	case <-running.Done():
	case <-s.ctx().Done():
		s.Fatalf("Locate still waits although nobody waits for it")
	}
	v.stage()
}
