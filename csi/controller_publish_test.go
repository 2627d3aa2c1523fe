package csi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

func publishTo(id, node string, edits ...func(*csipb.ControllerPublishVolumeRequest)) *csipb.ControllerPublishVolumeRequest {
	r := &csipb.ControllerPublishVolumeRequest{VolumeId: id, NodeId: node, VolumeCapability: mounted(oneWriter)}
	for _, edit := range edits {
		edit(r)
	}
	return r
}

func readonlyPublish(r *csipb.ControllerPublishVolumeRequest) { r.Readonly = true }

func sharedPublish(r *csipb.ControllerPublishVolumeRequest) { r.VolumeCapability = raw(anyWriters) }

func (s *served) publish(id, node string, edits ...func(*csipb.ControllerPublishVolumeRequest)) map[string]string {
	s.Helper()
	resp, err := s.ControllerPublishVolume(s.ctx(), publishTo(id, node, edits...))
	require.NoError(s, err)
	return resp.GetPublishContext()
}

func (s *served) unpublish(id, node string) error {
	_, err := s.ControllerUnpublishVolume(s.ctx(), &csipb.ControllerUnpublishVolumeRequest{VolumeId: id, NodeId: node})
	return err
}

// shareable is a fake whose raw volumes may be on many nodes.
func shareable() *fake {
	f := newFake()
	f.traits = csi.Traits{Block: []csi.AccessMode{csi.SingleNodeWriter, csi.MultiNodeMultiWriter}, ReadOnlyAttach: true}
	return f
}

func TestRule10_Publish(t *testing.T) {
	s := serve(t, shareable(), nil)
	id := s.create(create("a")).GetVolumeId()
	first := s.publish(id, "node-a")
	require.Equal(t, first, s.publish(id, "node-a"), "again: the same context")
	for name, test := range map[string]struct {
		r    *csipb.ControllerPublishVolumeRequest
		want codes.Code
		text string
	}{
		"no such volume":        {publishTo("none", "node-a"), codes.NotFound, "none"},
		"no such node":          {publishTo(id, "node-x", sharedPublish), codes.NotFound, ""},
		"other readonly":        {publishTo(id, "node-a", readonlyPublish), codes.AlreadyExists, "readonly"},
		"other node":            {publishTo(id, "node-b"), codes.FailedPrecondition, "node-a"},
		"unsupported access":    {publishTo(id, "node-a", func(r *csipb.ControllerPublishVolumeRequest) { r.VolumeCapability = mounted(anyWriters) }), codes.InvalidArgument, "MULTI_NODE_MULTI_WRITER"},
		"no node":               {publishTo(id, ""), codes.InvalidArgument, "node_id"},
		"no capability":         {publishTo(id, "node-a", func(r *csipb.ControllerPublishVolumeRequest) { r.VolumeCapability = nil }), codes.InvalidArgument, "volume_capability"},
		"a node id that fits":   {publishTo(id, string(make([]byte, 256)), sharedPublish), codes.NotFound, ""},
		"a node id that is not": {publishTo(id, string(make([]byte, 257))), codes.InvalidArgument, "257 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.ControllerPublishVolume(s.ctx(), test.r)
			code(t, test.want, err, test.text)
		})
	}
	s.change(func(f *fake) { f.fail["Attach"] = csi.ErrExhausted })
	_, err := s.ControllerPublishVolume(s.ctx(), publishTo(id, "node-b", sharedPublish))
	code(t, codes.ResourceExhausted, err)
}

func TestRule10_ReadonlyNeedsItsCapability(t *testing.T) {
	s := serve(t, newFake(), nil)
	_, err := s.ControllerPublishVolume(s.ctx(), publishTo("a", "node-a", readonlyPublish))
	code(t, codes.InvalidArgument, err, "PUBLISH_READONLY")
}

// TestRuling10_ManyNodesSideBySide: one volume is attached to two nodes at
// once if it may be on both.
func TestRuling10_ManyNodesSideBySide(t *testing.T) {
	s := serve(t, shareable(), nil)
	id := s.create(create("a", func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities[0] = raw(anyWriters) })).GetVolumeId()
	release := s.fake.hold("Attach")
	defer release()
	var group errgroup.Group
	for _, node := range []string{"node-a", "node-b"} {
		group.Go(func() error {
			_, err := s.ControllerPublishVolume(s.ctx(), publishTo(id, node, sharedPublish))
			return err
		})
	}
	require.Eventually(t, func() bool { return s.fake.count("Attach") == 2 }, wait, tick)
	release()
	require.NoError(t, group.Wait())
}

// TestRule10_TwoNodesAtOnce: of two nodes that ask at once for a volume that
// may be on one, one gets it.
func TestRule10_TwoNodesAtOnce(t *testing.T) {
	s := serve(t, shareable(), nil)
	id := s.create(create("a")).GetVolumeId()
	release := s.fake.hold("Attach")
	defer release()
	var a, b errgroup.Group
	a.Go(func() error { _, err := s.ControllerPublishVolume(s.ctx(), publishTo(id, "node-a")); return err })
	s.joined(1)
	b.Go(func() error { _, err := s.ControllerPublishVolume(s.ctx(), publishTo(id, "node-b")); return err })
	s.joined(2)
	release()
	require.NoError(t, a.Wait())
	code(t, codes.FailedPrecondition, b.Wait(), "node-a")
}

func TestRule11_Unpublish(t *testing.T) {
	s := serve(t, shareable(), nil)
	id := s.create(create("a")).GetVolumeId()
	s.publish(id, "node-a")
	require.NoError(t, s.unpublish(id, "node-b"))
	require.NoError(t, s.unpublish(id, "node-a"))
	require.NoError(t, s.unpublish(id, "node-a"))
	require.NoError(t, s.unpublish("none", "gone"))
	code(t, codes.InvalidArgument, s.unpublish("", "node-a"), "volume_id")
	s.publish(id, "node-a", sharedPublish)
	s.publish(id, "node-b", sharedPublish)
	require.NoError(t, s.unpublish(id, ""), "from all nodes")
	require.Empty(t, s.fake.volumes[id].Attached)
}

// TestRuling9_UnpublishCancelsPublish: the negation ends what runs, names
// itself, and then runs; a publish to another node is left alone.
func TestRuling9_UnpublishCancelsPublish(t *testing.T) {
	for _, node := range []string{"node-a", ""} {
		t.Run("node "+node, func(t *testing.T) {
			s := serve(t, shareable(), nil)
			id := s.create(create("a")).GetVolumeId()
			release := s.fake.hold("Attach")
			defer release()
			var a, b errgroup.Group
			a.Go(func() error {
				_, err := s.ControllerPublishVolume(s.ctx(), publishTo(id, "node-a", sharedPublish))
				return err
			})
			b.Go(func() error {
				_, err := s.ControllerPublishVolume(s.ctx(), publishTo(id, "node-b", sharedPublish))
				return err
			})
			require.Eventually(t, func() bool { return s.fake.count("Attach") == 2 }, wait, tick)
			require.NoError(t, s.unpublish(id, node))
			code(t, codes.Aborted, a.Wait(), "ControllerUnpublishVolume")
			release()
			if node == "" {
				code(t, codes.Aborted, b.Wait(), "ControllerUnpublishVolume")
			} else {
				require.NoError(t, b.Wait())
			}
			require.Equal(t, 1, s.fake.count("Detach"))
		})
	}
}

func TestRule30_ContextReachesAttach(t *testing.T) {
	s := serve(t, newFake(), nil)
	v := s.create(create("a"))
	s.publish(v.GetVolumeId(), "node-a", func(r *csipb.ControllerPublishVolumeRequest) {
		r.VolumeContext = v.GetVolumeContext()
		r.VolumeContext["storage.kubernetes.io/csiProvisionerIdentity"] = "1-2-x"
	})
	require.Equal(t, map[string]string{"pool": "one"}, last[csi.Attachment](s.fake, "Attach").Context)
}
