package mount

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	mountutils "k8s.io/mount-utils"

	"github.com/csikit/csikit/internal/looptest"
)

// compare times ours as the benchmark and, in turns with it, the bare system
// calls and now and then k8s.io/mount-utils. It reports medians: how many times
// the bare time ours takes, and how many times ours mount-utils takes. Turns and
// medians make the ratios hold on a machine that does other things too.
func compare(b *testing.B, ours, bare, utils func()) {
	var own, base, other []time.Duration
	for i := 0; b.Loop(); i++ {
		own = append(own, timed(ours))
		b.StopTimer()
		base = append(base, timed(bare))
		if i%10 == 0 {
			other = append(other, timed(utils))
		}
		b.StartTimer()
	}
	b.ReportMetric(median(own), "ns-median")
	b.ReportMetric(median(own)/median(base), "x-bare")
	b.ReportMetric(median(other)/median(own), "x-faster-than-mount-utils")
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Nanoseconds())
}

func eachKernel(b *testing.B, bench func(b *testing.B, k *Kernel)) {
	looptest.NeedRoot(b)
	b.Run("new", func(b *testing.B) { bench(b, NewKernel()) })
	b.Run("6.1", func(b *testing.B) { bench(b, &Kernel{Only: &Features{NewMount: true}}) })
	b.Run("old", func(b *testing.B) { bench(b, oldKernel(b)) })
}

// BenchmarkPublish is a read-only bind and its removal, among few and many
// other mounts of the same file system.
func BenchmarkPublish(b *testing.B) {
	eachKernel(b, func(b *testing.B, k *Kernel) {
		for _, others := range []int{0, 1000} {
			b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) { publishAmong(b, k, others) })
		}
	})
}

func publishAmong(b *testing.B, k *Kernel, others int) {
	base, source := treeAmong(b, others)
	at, utils := target(b, base, "pod"), mountutils.NewWithoutSystemd("")
	ctx := b.Context()
	compare(b, func() {
		require.NoError(b, k.Bind(ctx, Binding{Source: source, Target: at, ReadOnly: true}))
		require.NoError(b, k.Unmount(ctx, at))
	}, func() {
		fd, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		require.NoError(b, err)
		require.NoError(b, unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}))
		require.NoError(b, unix.MoveMount(fd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH))
		require.NoError(b, unix.Close(fd))
		require.NoError(b, unix.Unmount(at, unix.UMOUNT_NOFOLLOW))
	}, func() {
		require.NoError(b, utils.Mount(source, at, "", []string{"bind", "ro"}))
		require.NoError(b, utils.Unmount(at))
	})
}

func treeAmong(b *testing.B, others int) (base, source string) {
	dev := device(b, "ext4")
	base = looptest.Dir(b)
	source = target(b, base, "source")
	require.NoError(b, NewKernel().Mount(b.Context(), Mount{Type: "ext4", Device: dev}, source))
	for i := range others {
		at := target(b, base, fmt.Sprint("other", i))
		require.NoError(b, unix.Mount(source, at, "", unix.MS_BIND, ""))
	}
	return base, source
}

// BenchmarkFind looks at one mount among many others.
func BenchmarkFind(b *testing.B) {
	eachKernel(b, func(b *testing.B, k *Kernel) {
		for _, others := range []int{10, 1000} {
			b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) { findAmong(b, k, others) })
		}
	})
}

func findAmong(b *testing.B, k *Kernel, others int) {
	_, source := treeAmong(b, others)
	utils := mountutils.NewWithoutSystemd("")
	var st unix.Statx_t
	compare(b, func() {
		_, err := k.Find(source)
		require.NoError(b, err)
	}, func() {
		require.NoError(b, unix.Statx(unix.AT_FDCWD, source, statxFlags, statxMask, &st))
		_, err := statmount(st.Mnt_id, statmountDetails)
		require.NoError(b, err)
	}, func() {
		_, _, err := mountutils.GetDeviceNameFromMount(utils, source)
		require.NoError(b, err)
	})
}

// BenchmarkNotMounted is the question that is asked most often.
func BenchmarkNotMounted(b *testing.B) {
	k, dir, utils := NewKernel(), b.TempDir(), mountutils.NewWithoutSystemd("")
	var st unix.Statx_t
	compare(b, func() {
		_, err := k.Find(dir)
		require.ErrorIs(b, err, ErrNotMounted)
	}, func() {
		require.NoError(b, unix.Statx(unix.AT_FDCWD, dir, statxFlags, statxMask, &st))
	}, func() {
		_, err := utils.IsMountPoint(dir)
		require.NoError(b, err)
	})
}

// BenchmarkStage mounts and unmounts a clean xfs.
func BenchmarkStage(b *testing.B) {
	eachKernel(b, func(b *testing.B, k *Kernel) {
		dev, at := device(b, "xfs"), target(b, looptest.Dir(b), "staging")
		ctx, utils := b.Context(), mountutils.NewWithoutSystemd("")
		compare(b, func() {
			require.NoError(b, k.Mount(ctx, Mount{Type: "xfs", Device: dev}, at))
			require.NoError(b, k.Unmount(ctx, at))
		}, func() {
			require.NoError(b, unix.Mount(dev.Name(), at, "xfs", 0, "nouuid"))
			require.NoError(b, unix.Unmount(at, unix.UMOUNT_NOFOLLOW))
		}, func() {
			require.NoError(b, utils.Mount(dev.Name(), at, "xfs", []string{"nouuid"}))
			require.NoError(b, utils.Unmount(at))
		})
	})
}
