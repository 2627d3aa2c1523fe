package vm

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/csi"
)

// A scsiDisk can be taken offline: it is there, and every open of it fails with
// ENXIO, as when the transport to an array is lost.
type scsiDisk struct {
	t    *testing.T
	name string
}

func newSCSIDisk(t *testing.T) scsiDisk {
	t.Helper()
	d := scsiDisk{t, scsiDisks(t, "dev_size_mb=320")[0]}
	t.Cleanup(func() { d.set("running") })
	return d
}

func (d scsiDisk) set(state string) {
	d.t.Helper()
	require.NoError(d.t, os.WriteFile(filepath.Join("/sys/block", d.name, "device/state"), []byte(state+"\n"), 0))
}

func (d scsiDisk) offline() {
	d.t.Helper()
	d.set("offline")
	_, err := os.Open("/dev/" + d.name)
	require.ErrorIs(d.t, err, unix.ENXIO, "or this test proves nothing")
}

func (d scsiDisk) device() csi.Device {
	return csi.Device{Path: "/dev/" + d.name, Sysfs: map[string]string{"device/wwid": wwid(d.t, d.name)}}
}

// R6: a disk that is offline cannot be opened, so that nothing can be proven by
// an open. What the kernel shows of its file systems is the proof: while one is
// alive the volume is not unstaged, and then it is, so that the backend can log
// out and the volume can go elsewhere.
func TestR6_ADiskThatIsOffline(t *testing.T) {
	for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			n := newNode(t, "offline")
			d, other := newSCSIDisk(t), newMapping(t, 400*mib)
			n.place("a", d.device())
			n.place("b", other.device())
			stage := func(ctx context.Context) error { return n.stage(ctx, "a", fstype) }
			unstage := func(ctx context.Context) error { return n.unstage(ctx, "a") }
			n.must("stage", stage)
			n.must("publish", func(ctx context.Context) error { return n.publish(ctx, "a", fstype) })
			n.save(n.target("a"), "synced")
			elsewhere := filepath.Join(n.dir, "elsewhere")
			require.NoError(t, os.Mkdir(elsewhere, 0o700))
			require.NoError(t, unix.Mount(n.target("a"), elsewhere, "", unix.MS_BIND, ""))
			require.NoError(t, os.WriteFile(filepath.Join(n.target("a"), "dirty"), make([]byte, mib), 0o600))
			d.offline()

			_ = n.answers("statistics", func(ctx context.Context) error { _, err := n.stats(ctx, "a", n.target("a")); return err })
			n.cycle("b", fstype)
			n.must("unpublish", func(ctx context.Context) error { return n.unpublish(ctx, "a") })
			require.Equal(t, codes.Aborted, n.refused("unstage while it is mounted elsewhere", unstage))
			require.Zero(t, n.released["a"])
			require.NoError(t, unix.Unmount(elsewhere, 0))
			n.must("unstage", unstage)
			require.Equal(t, 1, n.released["a"])
			require.Equal(t, 1, n.log.count("is lost then"), "and the log says so")
			require.Equal(t, codes.Unavailable, n.refused("stage", stage))

			d.set("running")
			// The kernel tells the first flush of what it could not write before.
			ctx, cancel := context.WithTimeout(t.Context(), patient)
			defer cancel()
			if err := stage(ctx); err != nil {
				require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
				n.must("stage again", stage)
			}
			n.saved(n.staging("a"), "synced")
			n.must("unstage", unstage)
		})
	}
}

// R17: the same of a raw device.
func TestR17_ARawDeviceThatIsOffline(t *testing.T) {
	n := newNode(t, "offline")
	d := newSCSIDisk(t)
	n.place("a", d.device())
	n.must("stage", func(ctx context.Context) error { return n.stageRaw(ctx, "a") })
	d.offline()
	n.refused("publish", func(ctx context.Context) error { return n.publishRaw(ctx, "a") })
	n.must("unpublish", func(ctx context.Context) error { return n.unpublish(ctx, "a") })
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
	require.Equal(t, 1, n.released["a"])
	d.set("running")
	n.must("stage", func(ctx context.Context) error { return n.stageRaw(ctx, "a") })
	n.must("publish", func(ctx context.Context) error { return n.publishRaw(ctx, "a") })
	n.must("unpublish", func(ctx context.Context) error { return n.unpublish(ctx, "a") })
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
}

// R2: a raw volume is proven by the same promises as one with a file system.
func TestR2_ARawDeviceWithAnotherSerial(t *testing.T) {
	n := newNode(t, "raw")
	wrong := newDisk(t, "vol00000006", 64*mib)
	path := wrong.plug()
	n.place("a", csi.Device{Path: path, Sysfs: map[string]string{"device/serial": "vol00000007"}})
	require.Equal(t, codes.FailedPrecondition, n.refused("stage", func(ctx context.Context) error { return n.stageRaw(ctx, "a") }))
	require.Equal(t, codes.FailedPrecondition, n.refused("publish", func(ctx context.Context) error { return n.publishRaw(ctx, "a") }))
}
