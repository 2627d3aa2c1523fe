package csi_test

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// A rawVolume is volume "v", used as a raw device.
type rawVolume struct {
	*nodeUnderTest
	mode csi.AccessMode
}

func (v rawVolume) stageRaw() error {
	return v.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = rawAccess(v.mode) })
}

func (v rawVolume) publishRaw(target string, readOnly bool) error {
	return v.publish("v", v.path(target), func(r *csipb.NodePublishVolumeRequest) {
		r.VolumeCapability, r.Readonly = rawAccess(v.mode), readOnly
	})
}

// writes tries to write to the device as a pod does.
func (v rawVolume) writes(target string) error {
	f, err := os.OpenFile(v.path(target), os.O_WRONLY|unix.O_SYNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("written"), 4096)
	return errors.Join(err, f.Close())
}

// TestRule24_ARawDevicePublishedReadonlyCannotBeWritten: a read-only bind of a
// device node stops nobody.
func TestRule24_ARawDevicePublishedReadonlyCannotBeWritten(t *testing.T) {
	looptest.NeedRoot(t)
	for _, mode := range []csi.AccessMode{csi.SingleNodeWriter, csi.SingleNodeMultiWriter, csi.MultiNodeMultiWriter} {
		t.Run(mode.String(), func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			v := rawVolume{n, mode}
			require.NoError(t, v.stageRaw())
			require.NoError(t, v.publishRaw("writer", false))
			require.NoError(t, v.writes("writer"))
			require.NoError(t, n.unpublish("v", n.path("writer")))
			writableAgain(t, backend.device(t, "v"))
			before := backend.hash(t, "v")

			require.NoError(t, v.publishRaw("reader", true))
			for _, again := range []func(){func() {}, n.restart, func() { require.NoError(t, v.stageRaw()) }} {
				again()
				require.NoError(t, v.publishRaw("reader", true), "again")
				require.Error(t, v.writes("reader"))
			}
			require.Equal(t, before, backend.hash(t, "v"))
			require.NoError(t, n.unpublish("v", n.path("reader")))

			require.NoError(t, v.publishRaw("writer", false), "nobody reads any more")
			require.NoError(t, v.writes("writer"))
			require.NoError(t, n.unpublish("v", n.path("writer")))
			require.NoError(t, v.publishRaw("reader", true))
			require.NoError(t, n.unpublish("v", n.path("reader")))
			require.NoError(t, n.unstage("v"))
			require.NoError(t, v.stageRaw(), "the mark is gone with the staging")
			require.NoError(t, v.publishRaw("writer", false))
			require.NoError(t, v.writes("writer"))
			require.NoError(t, n.unpublish("v", n.path("writer")))
			require.NoError(t, n.unstage("v"))
			n.nothingLeft()
		})
	}
}

// TestRule24_ReadersAndWritersOfARawDeviceExcludeEachOther, as its kernel's mark
// is one for all.
func TestRule24_ReadersAndWritersOfARawDeviceExcludeEachOther(t *testing.T) {
	looptest.NeedRoot(t)
	for name, readerFirst := range map[string]bool{"a writer is there": false, "a reader is there": true} {
		t.Run(name, func(t *testing.T) {
			n, _ := newLoopNode(t, "v")
			v := rawVolume{n, csi.SingleNodeMultiWriter}
			require.NoError(t, v.stageRaw())
			require.NoError(t, v.publishRaw("first", readerFirst))
			require.NoError(t, v.publishRaw("alike", readerFirst))
			n.restart()
			n.want(codes.FailedPrecondition, v.publishRaw("other", !readerFirst), n.path("first"), n.path("alike"), "readonly")
			require.NoFileExists(t, n.path("other"))
			require.Equal(t, readerFirst, v.writes("first") != nil, "the first goes on")
			require.NoError(t, n.unpublish("v", n.path("first")))
			n.want(codes.FailedPrecondition, v.publishRaw("other", !readerFirst), n.path("alike"))
			require.NoError(t, n.unpublish("v", n.path("alike")))
			require.NoError(t, v.publishRaw("other", !readerFirst))
			require.Equal(t, !readerFirst, v.writes("other") != nil)
			require.NoError(t, n.unpublish("v", n.path("other")))
			require.NoError(t, n.unstage("v"))
			n.nothingLeft()
		})
	}
}

// TestRule24_RawReadonlyThatCannotBeKept: what would have to be answered with a
// device that can be written, or that cannot, is refused.
func TestRule24_RawReadonlyThatCannotBeKept(t *testing.T) {
	looptest.NeedRoot(t)
	n, backend := newLoopNode(t, "v")
	v := rawVolume{n, csi.SingleNodeMultiWriter}
	require.NoError(t, v.stageRaw())
	require.NoError(t, os.RemoveAll(n.opts.StateDir))
	n.want(codes.FailedPrecondition, v.publishRaw("reader", true), "lost", "unstage")
	require.NoError(t, n.unstage("v"))

	reader := rawVolume{n, csi.MultiNodeReaderOnly}
	require.NoError(t, reader.stageRaw())
	writableAgain(t, backend.device(t, "v"))
	n.want(codes.FailedPrecondition, v.publishRaw("writer", false), "staged for reading only")
	require.NoError(t, reader.publishRaw("reader", true))
	require.Error(t, v.writes("reader"))
	require.NoError(t, n.unpublish("v", n.path("reader")))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}
