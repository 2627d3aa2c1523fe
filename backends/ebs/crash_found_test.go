package ebs_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
)

// What TestCrash_Seeds has found, each by itself.

// TestSnapshot_OnceAlthoughReadsLag: a retry soon after the answer, when reads
// do not show the snapshot yet, must not cut another one.
func TestSnapshot_OnceAlthoughReadsLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, ec2test.Options{Lag: ec2test.Span{Min: 3 * time.Second}, Timings: ec2test.Timings{Snapshot: ec2test.Span{Min: time.Minute}}})
		defer w.end()
		c := &claim{w: w, name: "pvc", gib: 1}
		require.NoError(t, c.create())
		time.Sleep(time.Minute) // the process is past its first seconds, in which it looks twice
		require.NoError(t, (&cut{w: w, name: "snap", of: c.id}).create())
	})
}

// TestSnapshot_KeptMeansNotFinal: the controller dies between the cut and fast
// snapshot restore, which EC2 then refuses. The snapshot is there, and whoever
// reads a final error would forget it.
func TestSnapshot_KeptMeansNotFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, ec2test.Options{})
		defer w.end()
		c := &claim{w: w, name: "pvc", gib: 1}
		require.NoError(t, c.create())
		spec := csi.SnapshotSpec{Name: "snap", Volume: csi.VolumeRef{ID: c.id}, Parameters: map[string]string{"fastSnapshotRestoreAvailabilityZones": zoneA}}
		w.ec2.Inject(ec2test.Fault{API: "EnableFastSnapshotRestores", Code: "InvalidParameterValue"})
		_, err := w.controller().backend.CreateSnapshot(t.Context(), spec)
		require.ErrorIs(t, err, csi.ErrInvalid)
		require.Empty(t, w.ec2.Snapshots(), "what was just cut is deleted")

		delete(spec.Parameters, "fastSnapshotRestoreAvailabilityZones")
		_, err = w.controller().backend.CreateSnapshot(t.Context(), spec)
		require.NoError(t, err)
		spec.Parameters["fastSnapshotRestoreAvailabilityZones"] = zoneA
		_, err = w.controller().backend.CreateSnapshot(t.Context(), spec)
		require.ErrorIs(t, err, csi.ErrUnavailable)
		require.NotErrorIs(t, err, csi.ErrInvalid)
		require.Len(t, w.ec2.Snapshots(), 1)
	})
}

// anywhere leaves the zone to the driver, which needs the list of zones for that.
func anywhere(s *csi.VolumeSpec) { s.Topology = csi.TopologyRequirement{} }

// TestCreate_WaiterForTheZonesIsHonoured: one who waits for what another one
// reads leaves when his own context ends.
func TestCreate_WaiterForTheZonesIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, ec2test.Options{})
		defer w.end()
		w.ec2.Inject(ec2test.Fault{API: "DescribeAvailabilityZones", Delay: time.Hour, Count: 1})
		b := w.controller().backend
		ctx, cancel := context.WithCancel(t.Context())
		var first errgroup.Group
		first.Go(func() error { _, err := b.CreateVolume(ctx, spec("first", anywhere)); return err })
		synctest.Wait()
		start := time.Now()
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		_, err := b.CreateVolume(short, spec("second", anywhere))
		require.ErrorIs(t, err, csi.ErrUnavailable)
		require.Equal(t, time.Second, time.Since(start))
		cancel()
		require.Error(t, first.Wait())
	})
}
