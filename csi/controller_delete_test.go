package csi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

func (s *served) delete(id string) error {
	_, err := s.DeleteVolume(s.ctx(), &csipb.DeleteVolumeRequest{VolumeId: id})
	return err
}

func TestRule8_DeleteOfUnknownIsDone(t *testing.T) {
	s := serve(t, newFake(), nil)
	id := s.create(create("a")).GetVolumeId()
	require.NoError(t, s.delete(id))
	require.NoError(t, s.delete(id))
	require.NoError(t, s.delete("../\x01 no id of ours"))
	code(t, codes.InvalidArgument, s.delete(""), "volume_id")
}

func TestRule8_DeleteInUseIsUntouched(t *testing.T) {
	s := serve(t, newFake(), nil)
	id := s.create(create("a")).GetVolumeId()
	s.publish(id, "node-a")
	code(t, codes.FailedPrecondition, s.delete(id), "node-a")
	require.Zero(t, s.fake.count("Detach"))
	_, err := s.ControllerGetVolume(s.ctx(), &csipb.ControllerGetVolumeRequest{VolumeId: id})
	require.NoError(t, err)
}

// TestRuling10_SourceIsHeld: a volume is not deleted while it is being cloned.
func TestRuling10_SourceIsHeld(t *testing.T) {
	s := serve(t, newFake(), nil)
	source := s.create(create("source")).GetVolumeId()
	release := s.fake.hold("CloneVolume")
	defer release()
	var group errgroup.Group
	group.Go(func() error { _, err := s.CreateVolume(s.ctx(), create("clone", fromVolume(source))); return err })
	s.joined(1)
	group.Go(func() error { return s.delete(source) })
	s.joined(2)
	require.Zero(t, s.fake.count("DeleteVolume"))
	release()
	require.NoError(t, group.Wait())
	require.Equal(t, 1, s.fake.count("DeleteVolume"))
}

func TestRuling16_OnlyDeleteTakesNotFoundAsDone(t *testing.T) {
	s := serve(t, newFake(), nil)
	id := s.create(create("a")).GetVolumeId()
	s.change(func(f *fake) {
		f.fail["DeleteVolume"] = fmt.Errorf("asked twice: %w", csi.ErrNotFound)
		f.fail["Detach"] = f.fail["DeleteVolume"]
	})
	require.NoError(t, s.delete(id))
	_, err := s.ControllerUnpublishVolume(s.ctx(), &csipb.ControllerUnpublishVolumeRequest{VolumeId: id, NodeId: "node-a"})
	code(t, codes.NotFound, err)
}
