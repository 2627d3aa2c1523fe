package vm

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

func (n *node) stageEncrypted(ctx context.Context, id, fstype string) error {
	context := maps.Clone(volumeContext)
	context["fs.csikit.io/encrypt"] = "luks2"
	_, err := n.NodeStageVolume(ctx, &csipb.NodeStageVolumeRequest{
		VolumeId: id, StagingTargetPath: n.staging(id), VolumeCapability: capability(fstype), VolumeContext: context,
		Secrets: map[string]string{"encryptionPassphrase": "correct horse battery staple"},
	})
	return err
}

// holders is what the kernel has on top of the mapping.
func (m *mapping) holders() (names []string) {
	m.t.Helper()
	var st unix.Stat_t
	require.NoError(m.t, unix.Stat(m.path(), &st))
	entries, err := os.ReadDir(fmt.Sprintf("/sys/dev/block/%d:%d/holders", unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	require.NoError(m.t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// encryptedNode has volume a encrypted, staged and with data that was synced and
// data that was not, and volume b, to which nothing happens.
func encryptedNode(t *testing.T, fstype string) (n *node, m *mapping, dirty []byte) {
	needTarget(t, "crypt")
	n = newNode(t, "encrypted")
	m = newMapping(t, 400*mib)
	n.place("a", m.device())
	n.place("b", newMapping(t, 400*mib).device())
	n.must("stage", func(ctx context.Context) error { return n.stageEncrypted(ctx, "a", fstype) })
	require.Len(t, m.holders(), 1, "or it is not encrypted")
	n.save(n.staging("a"), "synced")
	dirty = bytes.Repeat([]byte("dirty"), mib)
	require.NoError(t, os.WriteFile(filepath.Join(n.staging("a"), "dirty"), dirty, 0o600))
	return n, m, dirty
}

// R6, R14: a disk fails below an encrypted volume. The volume is unstaged, the
// encryption is closed, and it is said that data is lost. What was synced is
// there when the disk works again.
func TestR6_ADiskThatFailsBelowLUKS(t *testing.T) {
	for _, fstype := range []string{"ext4", "xfs"} {
		t.Run(fstype, func(t *testing.T) {
			n, m, _ := encryptedNode(t, fstype)
			stage := func(ctx context.Context) error { return n.stageEncrypted(ctx, "a", fstype) }
			m.target("error", "")
			_ = n.answers("statistics", func(ctx context.Context) error { _, err := n.stats(ctx, "a", n.staging("a")); return err })
			n.cycle("b", fstype)
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			require.Empty(t, m.holders(), "unstaged means that the encryption is closed")
			require.NoError(t, exclusive(t, m))
			require.Positive(t, n.log.count("is lost"), "and the log says so")
			require.Equal(t, codes.Unavailable, n.refused("stage", stage), "it may work again")
			require.Empty(t, m.holders())
			m.heal()
			n.must("stage", stage)
			n.saved(n.staging("a"), "synced")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
		})
	}
}

// Finding 2 of an encrypted volume: its disk stops answering. Nothing is
// reported as unstaged or closed while it is not, every RPC is answered, and
// the unstage ends when the disk goes on, with what was in memory.
func TestR6_ADiskThatHangsBelowLUKS(t *testing.T) {
	n, m, dirty := encryptedNode(t, "ext4")
	unstage := func(ctx context.Context) error { return n.unstage(ctx, "a") }
	m.suspend()
	t.Cleanup(func() { m.resume() })
	for range 3 {
		require.Equal(t, codes.Aborted, status.Code(n.answers("unstage", unstage)))
		require.Len(t, m.holders(), 1, "the encryption is open")
	}
	require.Len(t, n.driver.Operations(), 1, "the retries join the unmount that runs")
	_ = n.answers("statistics", func(ctx context.Context) error { _, err := n.stats(ctx, "a", n.staging("a")); return err })
	began := time.Now()
	n.cycle("b", "ext4")
	t.Logf("measured: another volume's whole cycle took %v beside a hanging encrypted one", time.Since(began).Round(time.Millisecond))
	m.resume()
	n.must("unstage when the device works again", unstage)
	require.Empty(t, m.holders())
	require.NoError(t, exclusive(t, m))
	n.must("stage", func(ctx context.Context) error { return n.stageEncrypted(ctx, "a", "ext4") })
	n.saved(n.staging("a"), "synced")
	data, err := os.ReadFile(filepath.Join(n.staging("a"), "dirty"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(dirty, data), "what was in memory is on the device")
	n.must("unstage", unstage)
}

// R14: the disk hangs while the encryption is being opened. The stage is
// answered, and a retry ends it when the disk goes on; nothing stays open.
func TestR14_ADiskThatHangsWhenItIsOpened(t *testing.T) {
	n, m, _ := encryptedNode(t, "ext4")
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
	stage := func(ctx context.Context) error { return n.stageEncrypted(ctx, "a", "ext4") }
	m.suspend()
	t.Cleanup(func() { m.resume() })
	for range 2 {
		require.Equal(t, codes.Aborted, status.Code(n.answers("stage", stage)))
	}
	n.cycle("b", "ext4")
	m.resume()
	n.must("stage when the device works again", stage)
	n.saved(n.staging("a"), "synced")
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
	require.Empty(t, m.holders())
	require.NoError(t, exclusive(t, m))
}

// R1, R9: writes fail while a volume is encrypted for the first time. It is no
// success and nothing stays open, and the volume is made when the disk works.
func TestR9_WritesFailWhileAVolumeIsEncrypted(t *testing.T) {
	for _, how := range []string{"error_writes", "drop_writes"} {
		t.Run(how, func(t *testing.T) {
			needTarget(t, "crypt")
			n := newNode(t, "encrypted")
			m := newMapping(t, 320*mib)
			n.place("a", m.device())
			stage := func(ctx context.Context) error { return n.stageEncrypted(ctx, "a", "ext4") }
			m.failWrites(how)
			require.Equal(t, codes.Unavailable, n.refused("stage", stage))
			m.heal()
			n.must("stage", stage)
			n.save(n.staging("a"), "kept")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			n.must("stage", stage)
			n.saved(n.staging("a"), "kept")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			require.Empty(t, m.holders())
		})
	}
}
