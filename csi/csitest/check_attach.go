package csitest

import (
	"maps"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

var attachChecks = []check{
	{"Rule10/AttachTwice", "ControllerPublishVolume again is OK with the same publish_context, after a restart too (spec.md, ControllerPublishVolume)", []need{provisions, attaches}, attachTwice},
	{"Rule10/VolumeUnknown", "attaching a volume that does not exist is NOT_FOUND (spec.md, ControllerPublishVolume)", []need{provisions, attaches}, attachVolumeUnknown},
	{"Rule10/NodeUnknown", "attaching to a node that does not exist is NOT_FOUND (spec.md, ControllerPublishVolume)", []need{provisions, attaches}, attachNodeUnknown},
	{"Rule10/OtherModeExists", "attaching again in another way is ALREADY_EXISTS (spec.md, ControllerPublishVolume)", []need{provisions, attaches, twoModes}, attachOtherMode},
	{"Rule10/PublishToSecondNode", "a volume for one node that is attached elsewhere is FAILED_PRECONDITION, and the message names that node (spec.md, ControllerPublishVolume)", []need{provisions, attaches, otherNode}, attachSecondNode},
	{"Rule10/SharedByNodes", "a volume for several nodes is attached to two (spec.md, ControllerPublishVolume)", []need{provisions, attaches, otherNode, multiNode}, attachShared},
	{"Rule10/ReadonlyIsOffered", "readonly is INVALID_ARGUMENT unless PUBLISH_READONLY is advertised (spec.md, ControllerPublishVolume)", []need{provisions, attaches}, attachReadonly},
	{"Rule11/DetachTwice", "ControllerUnpublishVolume of what is not attached is OK (spec.md, ControllerUnpublishVolume)", []need{provisions, attaches}, detachTwice},
	{"Rule11/DetachIsTrue", "after ControllerUnpublishVolume the volume can be attached elsewhere at once (spec.md, ControllerUnpublishVolume)", []need{provisions, attaches, otherNode}, detachIsTrue},
	{"Rule11/DetachOnlyThere", "ControllerUnpublishVolume leaves other nodes alone (spec.md, ControllerUnpublishVolume)", []need{provisions, attaches, otherNode, multiNode, listsNodes}, detachOnlyThere},
	{"Rule11/DetachAllNodes", "an empty node_id detaches from all nodes (spec.md, ControllerUnpublishVolume)", []need{provisions, attaches, otherNode, multiNode}, detachAllNodes},
	{"Rule11/DetachDeleted", "detaching a volume or from a node that is gone is OK: the attacher retries NOT_FOUND for ever (kubernetes-csi/external-attacher#165)", []need{provisions, attaches}, detachDeleted},
}

func attachTwice(s *session) {
	v := s.create()
	first, err := s.controller.ControllerPublishVolume(s.ctx(), v.attachRequest(s.nodeID))
	s.must("ControllerPublishVolume", err)
	v.nodes = append(v.nodes, s.nodeID)
	for _, again := range []func(){func() {}, s.restart} {
		again()
		second, err := s.controller.ControllerPublishVolume(s.ctx(), v.attachRequest(s.nodeID))
		s.must("ControllerPublishVolume again", err)
		if !maps.Equal(first.GetPublishContext(), second.GetPublishContext()) {
			s.Errorf("publish_context was %v and is %v", first.GetPublishContext(), second.GetPublishContext())
		}
	}
}

// attachFails sends an attach request that must fail, and returns what the
// answer says.
func (v *volume) attachFails(what, node string, want codes.Code, edit ...func(*csipb.ControllerPublishVolumeRequest)) (message string) {
	v.s.Helper()
	_, err := v.s.controller.ControllerPublishVolume(v.s.ctx(), v.attachRequest(node, edit...))
	v.s.wantCode("ControllerPublishVolume "+what, err, want)
	if err == nil {
		v.nodes = append(v.nodes, node)
	}
	return status.Convert(err).Message()
}

func attachVolumeUnknown(s *session) {
	v := s.create()
	v.delete()
	v.attachFails("of a deleted volume", s.nodeID, codes.NotFound)
}

func attachNodeUnknown(s *session) {
	s.create().attachFails("to an unknown node", "csitest-no-such-node", codes.NotFound)
}

func attachOtherMode(s *session) {
	v := s.create(func(r *csipb.CreateVolumeRequest) {
		r.VolumeCapabilities = append(r.VolumeCapabilities, s.capability(s.secondMode()))
	}).attach(s.nodeID)
	v.attachFails("in another mode", s.nodeID, codes.AlreadyExists, func(r *csipb.ControllerPublishVolumeRequest) {
		r.VolumeCapability = s.capability(s.secondMode())
	})
}

func attachSecondNode(s *session) {
	v := s.create().attach(s.nodeID)
	message := v.attachFails("to a second node", s.h.OtherNode, codes.FailedPrecondition)
	if !strings.Contains(message, s.nodeID) {
		s.Errorf("the message does not name node %s: %s", s.nodeID, message)
	}
}

func attachShared(s *session) {
	s.createMode(s.sharedMode()).attach(s.nodeID).attach(s.h.OtherNode)
}

func attachReadonly(s *session) {
	readonly := func(r *csipb.ControllerPublishVolumeRequest) { r.Readonly = true }
	want := codes.InvalidArgument
	if s.offers.traits.ReadOnlyAttach {
		want = codes.OK
	}
	v := s.create()
	v.attachFails("readonly", s.nodeID, want, readonly)
	if want == codes.OK {
		v.attachFails("readonly, then writable", s.nodeID, codes.AlreadyExists)
	}
}

func detachTwice(s *session) {
	v := s.create()
	v.detach(s.nodeID)
	v.attach(s.nodeID)
	for range 3 {
		v.detach(s.nodeID)
	}
}

func detachIsTrue(s *session) {
	v := s.create().attach(s.nodeID)
	v.detach(s.nodeID)
	v.attach(s.h.OtherNode)
}

// attachedTo lists the nodes that ListVolumes says.
func (v *volume) attachedTo() []string {
	resp, err := v.s.controller.ListVolumes(v.s.ctx(), &csipb.ListVolumesRequest{})
	v.s.must("ListVolumes", err)
	for _, e := range resp.GetEntries() {
		if e.GetVolume().GetVolumeId() == v.GetVolumeId() {
			return e.GetStatus().GetPublishedNodeIds()
		}
	}
	return nil
}

func detachOnlyThere(s *session) {
	v := s.createMode(s.sharedMode()).attach(s.nodeID).attach(s.h.OtherNode)
	v.detach(s.nodeID)
	if nodes := v.attachedTo(); len(nodes) != 1 || nodes[0] != s.h.OtherNode {
		s.Errorf("attached to %v after the detach from %s, want %s", nodes, s.nodeID, s.h.OtherNode)
	}
}

func detachAllNodes(s *session) {
	v := s.createMode(s.sharedMode()).attach(s.nodeID).attach(s.h.OtherNode)
	v.detach("")
	_, err := s.controller.DeleteVolume(s.ctx(), v.deleteRequest())
	s.wantCode("DeleteVolume after the detach from all nodes", err, codes.OK)
}

func detachDeleted(s *session) {
	v := s.create().attach(s.nodeID)
	v.detach(s.nodeID)
	v.detach("csitest-no-such-node")
	v.delete()
	v.detach(s.nodeID)
	v.detach("")
}

// validModes are the modes to validate.
func (s *session) validModes() []csi.AccessMode {
	if s.isBlock() {
		return s.offers.block
	}
	return s.offers.mount
}
