package vm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/fs"
)

// Finding 2, R6 and R14: a device stops answering while data that no pod has
// synced is in memory. umount(8) would take the mount out of the table and
// then hang, and a retry would find nothing mounted and report success.
func TestR6_ADeviceThatHangsIsNotUnstaged(t *testing.T) {
	for _, fstype := range []string{"ext4", "xfs"} {
		t.Run(fstype, func(t *testing.T) { hangingUnstage(t, fstype) })
	}
}

func hangingUnstage(t *testing.T, fstype string) {
	n := newNode(t, "hang")
	m, other := newMapping(t, 400*mib), newMapping(t, 400*mib)
	n.place("a", m.device())
	n.place("b", other.device())
	stage := func(ctx context.Context) error { return n.stage(ctx, "a", fstype) }
	unstage := func(ctx context.Context) error { return n.unstage(ctx, "a") }
	n.must("stage", stage)
	n.must("publish", func(ctx context.Context) error { return n.publish(ctx, "a", fstype) })
	n.save(n.target("a"), "synced")
	dirty := bytes.Repeat([]byte("dirty"), 4*mib)
	require.NoError(t, os.WriteFile(filepath.Join(n.target("a"), "dirty"), dirty, 0o600))
	m.suspend()
	t.Cleanup(func() { m.resume() }) // before the mapping is removed and the driver is shut down

	n.must("unpublish, which leaves the staged mount", func(ctx context.Context) error { return n.unpublish(ctx, "a") })
	require.Equal(t, codes.Aborted, status.Code(n.answers("unstage", unstage)))
	for range 2 {
		require.Equal(t, codes.Aborted, status.Code(n.answers("unstage again", unstage)))
	}
	running := n.driver.Operations()
	require.Len(t, running, 1, "the retries join the unmount that runs")
	require.Equal(t, "NodeUnstageVolume", running[0].RPC)
	require.Error(t, exclusive(t, m), "the device is in use all the time")

	require.NotEqual(t, codes.OK, status.Code(n.answers("stage again", stage)))
	_ = n.answers("statistics", func(ctx context.Context) error {
		_, err := n.stats(ctx, "a", n.staging("a"))
		return err
	})
	require.NoError(t, n.answers("probe", func(ctx context.Context) error {
		_, err := n.identity.Probe(ctx, &csipb.ProbeRequest{})
		return err
	}))
	began := time.Now()
	n.cycle("b", fstype)
	t.Logf("measured: another volume's whole cycle took %v beside a hanging unmount (%s)", time.Since(began).Round(time.Millisecond), fstype)

	m.resume()
	n.must("unstage when the device works again", unstage)
	require.NoError(t, exclusive(t, m), "R6: unstaged means that nobody holds the device")
	n.must("stage", stage)
	n.saved(n.staging("a"), "synced")
	data, err := os.ReadFile(filepath.Join(n.staging("a"), "dirty"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(dirty, data), "what was in memory is on the device")
	n.must("unstage", unstage)
	run(t, "sync", "-f", n.dir)
	if fstype == "ext4" {
		run(t, "e2fsck", "-fn", m.path())
	}
}

// Finding 2 as it is found by a plugin that was restarted, or by umount(8) of an
// operator: the mount is gone from the table, and the kernel still writes.
func TestR6_AMountThatIsGoneIsNoProof(t *testing.T) {
	n := newNode(t, "gone")
	m := newMapping(t, 400*mib)
	n.place("a", m.device())
	n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
	dirty := bytes.Repeat([]byte("dirty"), mib)
	require.NoError(t, os.WriteFile(filepath.Join(n.staging("a"), "dirty"), dirty, 0o600))
	m.suspend()
	t.Cleanup(func() { m.resume() })
	umount := exec.Command("umount", n.staging("a"))
	require.NoError(t, umount.Start())
	require.Eventually(t, func() bool {
		table, err := os.ReadFile("/proc/self/mountinfo")
		return err == nil && !bytes.Contains(table, []byte(n.staging("a")))
	}, patient, 10*time.Millisecond)
	for range 2 {
		require.Equal(t, codes.Aborted, status.Code(n.answers("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })))
	}
	m.resume()
	require.NoError(t, umount.Wait())
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
	require.NoError(t, exclusive(t, m))
	n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
	data, err := os.ReadFile(filepath.Join(n.staging("a"), "dirty"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(dirty, data))
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
}

// exclusive is the proof of R6, made by the test itself.
func exclusive(t testing.TB, m *mapping) error {
	t.Helper()
	d, err := fs.Open(m.path())
	require.NoError(t, err)
	defer func() { assert.NoError(t, d.Close()) }()
	return d.Exclusive()
}

// R14: a device that does not answer keeps the shutdown no longer than it may
// take, and the shutdown says what is left.
func TestR14_ShutdownBesideAHangingDevice(t *testing.T) {
	n := newNode(t, "shutdown")
	m := newMapping(t, 64*mib)
	n.place("a", m.device())
	m.suspend()
	err := n.answers("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
	require.Equal(t, codes.Aborted, status.Code(err), "%v", err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	err = n.driver.Shutdown(ctx)
	require.Less(t, time.Since(began), 5*time.Second)
	require.ErrorContains(t, err, "NodeStageVolume a")
	m.resume()
}

// R14: the statistics of a volume whose device hangs answer, also while pods
// write to it.
func TestR14_StatisticsOfAHangingDevice(t *testing.T) {
	for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			n := newNode(t, "stats")
			m := newMapping(t, 400*mib)
			n.place("a", m.device())
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
			n.must("publish", func(ctx context.Context) error { return n.publish(ctx, "a", fstype) })
			m.suspend()
			t.Cleanup(func() { m.resume() })
			written := make(chan error, 1)
			go func() { written <- os.WriteFile(filepath.Join(n.target("a"), "dirty"), make([]byte, 8*mib), 0o600) }()
			for _, path := range []string{n.target("a"), n.staging("a")} {
				require.NoError(t, n.answers("statistics", func(ctx context.Context) error {
					u, err := n.stats(ctx, "a", path)
					if err == nil {
						require.Positive(t, u.GetTotal())
					}
					return err
				}))
			}
			m.resume()
			require.NoError(t, <-written)
			n.must("unpublish", func(ctx context.Context) error { return n.unpublish(ctx, "a") })
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
		})
	}
}
