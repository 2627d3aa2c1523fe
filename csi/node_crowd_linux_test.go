package csi_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/csi"
)

// crowd makes so many mounts that have nothing to do with a volume, until
// disperse is called.
func (n *nodeUnderTest) crowd(count int) (disperse func()) {
	base := n.path("others")
	require.NoError(n, os.MkdirAll(base, 0o755))
	require.NoError(n, unix.Mount("tmpfs", base, "tmpfs", 0, "size=16m"))
	for i := range count {
		at := filepath.Join(base, strconv.Itoa(i))
		require.NoError(n, os.Mkdir(at, 0o755))
		require.NoError(n, unix.Mount(base, at, "", unix.MS_BIND, ""))
	}
	return func() { require.NoError(n, unix.Unmount(base, unix.MNT_DETACH)) }
}

// benchCrowd says how many times longer publishing takes among many mounts than
// among few. The two take turns, and the crowd comes and goes between them: the
// rows of the table are minutes apart, in which a machine becomes slower or
// faster by more than what is looked for.
func benchCrowd(b *testing.B, w io.Writer, few, many int) {
	n, backend := newBenchNode(b, "ext4")
	require.NoError(b, n.stage("ext4", fstype("ext4")))
	pod := n.path("publish/mount")
	publish := n.publishRequest("ext4", pod, asFilesystem("ext4"))
	var times [2][]time.Duration
	for turn := range 16 {
		k := (turn + 1) / 2 % 2 // few, many, many, few: what drifts evenly cancels out
		disperse := n.crowd([]int{few, many}[k])
		for i := range 12 {
			start := time.Now()
			_, err := n.NodePublishVolume(b.Context(), publish)
			took := time.Since(start)
			require.NoError(b, err)
			if i > 1 { // the first ones find the caches full of the crowd's making
				times[k] = append(times[k], took)
			}
			require.NoError(b, n.unpublish("ext4", pod))
		}
		disperse()
	}
	require.NoError(b, n.unstage("ext4"))
	require.NoError(b, backend.Release(b.Context(), csi.NodeVolume{ID: "ext4"}))
	among, alone := middle(times[1]), middle(times[0])
	fmt.Fprintf(w, "publish-rpc among %d mounts, in turns with among %d: %s / %s = %s times\n", many, few, micro(among), micro(alone), ratio(among, alone))
	b.ReportMetric(float64(among)/float64(alone), "x-few")
}
