package csi_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"text/tabwriter"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	mountutils "k8s.io/mount-utils"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// BenchmarkNode measures, among 10, 1,000 and 5,000 other mounts, what a node
// does to volumes: by this library, by k8s.io/mount-utils, and by the bare
// system calls. It prints one table at the end.
//
// The three take turns, and medians are compared, so that the ratios hold on a
// machine that does other things too. A cycle of ours is four RPCs over gRPC:
// stage, publish, unpublish, unstage. The bare cycle is what the same result
// needs at least: open the device, mount(2), a bind, two umount2, fsync and an
// exclusive open of the device. It has no RPC, no probe, no record of what was
// done. The cycle of mount-utils is FormatAndMount, resize check, bind, two
// CleanupMountPoint; it keeps no record either.
func BenchmarkNode(b *testing.B) {
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tOTHER MOUNTS\tOURS\tMOUNT-UTILS\tBARE\tOURS/BARE\tMOUNT-UTILS/OURS\t")
	for _, others := range []int{10, 1000, 5000} {
		b.Run(strconv.Itoa(others), func(b *testing.B) { benchAmong(b, w, others) })
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	fmt.Printf("BenchmarkNode, medians of turns:\n%s\n", &table) // b.Log would cut it off from its last lines
}

// A contest is one row of the table. A nil function is not measured.
type contest struct {
	name              string
	ours, bare, utils func()
	after             func() // undoes each of the three, unmeasured
}

func (c contest) run(b *testing.B, w *tabwriter.Writer, others, rounds int) {
	var times [3][]time.Duration
	for i := range rounds {
		for k, f := range []func(){c.ours, c.bare, c.utils} {
			if f == nil || k == 2 && i%4 != 0 { // processes take long
				continue
			}
			start := time.Now()
			f()
			times[k] = append(times[k], time.Since(start))
			if c.after != nil {
				c.after()
			}
		}
	}
	ours, bare, theirs := middle(times[0]), middle(times[1]), middle(times[2])
	fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", c.name, others, micro(ours), micro(theirs), micro(bare), ratio(ours, bare), ratio(theirs, ours))
	b.ReportMetric(float64(ours.Microseconds()), c.name+"-µs")
	if bare > 0 {
		b.ReportMetric(float64(ours)/float64(bare), c.name+"-x-bare")
	}
}

func middle(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[len(d)/2]
}

func micro(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f µs", float64(d.Nanoseconds())/1000)
}

func ratio(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

func benchAmong(b *testing.B, w *tabwriter.Writer, others int) {
	n, backend := newBenchNode(b, "xfs", "ext4")
	base := n.path("others")
	require.NoError(b, os.Mkdir(base, 0o755))
	require.NoError(b, unix.Mount("tmpfs", base, "tmpfs", 0, "size=16m"))
	for i := range others {
		at := filepath.Join(base, strconv.Itoa(i))
		require.NoError(b, os.Mkdir(at, 0o755))
		require.NoError(b, unix.Mount(base, at, "", unix.MS_BIND, ""))
	}
	defer func() { require.NoError(b, unix.Unmount(base, unix.MNT_DETACH)) }()
	for _, name := range []string{"xfs", "ext4"} {
		require.NoError(b, n.stage(name, fstype(name))) // formats
		if name == "ext4" {
			benchParts(b, w, n, backend, others)
		}
		require.NoError(b, n.unstage(name))
		benchCycle(b, w, n, backend, name, others)
	}
}

// newBenchNode is a node with volumes on images of these names.
func newBenchNode(b *testing.B, ids ...string) (*nodeUnderTest, *loopFake) {
	n, backend := newLoopNode(b, ids...)
	n.stop()
	n.quiet = true
	n.start()
	return n, backend
}

// benchParts measures single steps on a staged ext4.
func benchParts(b *testing.B, w *tabwriter.Writer, n *nodeUnderTest, backend *loopFake, others int) {
	staging, at, path := n.stagingPath("ext4"), n.path("part/mount"), backend.device(b, "ext4")
	require.NoError(b, os.Mkdir(at, 0o755))
	kernel, theirs, ctx := mount.NewKernel(), utils(), b.Context()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	unmount := func() { must(unix.Unmount(at, unix.UMOUNT_NOFOLLOW)) }
	device, err := fs.Open(path)
	must(err)
	defer device.Close()
	contest{name: "detect", ours: func() {
		c, err := device.Probe(ctx)
		must(err)
		require.Equal(b, "ext4", c.Type)
	}, bare: func() { must(readDirect(path)) }, utils: func() {
		_, err := theirs.GetDiskFormat(path)
		must(err)
	}}.run(b, w, others, 40)
	for _, readOnly := range []bool{false, true} {
		name := "bind"
		options := []string{"bind"}
		if readOnly {
			name, options = "read-only-bind", append(options, "ro")
		}
		contest{name: name, after: unmount,
			ours:  func() { must(kernel.Bind(ctx, mount.Binding{Source: staging, Target: at, ReadOnly: readOnly})) },
			bare:  func() { must(bareBind(staging, at, readOnly)) },
			utils: func() { must(theirs.Mount(staging, at, "", options)) },
		}.run(b, w, others, 60)
	}
	bind := func() { must(bareBind(staging, at, false)) }
	bind()
	contest{name: "unmount", after: bind,
		ours:  func() { must(kernel.Unmount(ctx, at)) },
		bare:  unmount,
		utils: func() { must(theirs.Unmount(at)) },
	}.run(b, w, others, 60)
	unmount()
	pod := n.path("publish/mount")
	contest{name: "publish-rpc",
		ours:  func() { must(n.publish("ext4", pod, asFilesystem("ext4"))) },
		after: func() { must(n.unpublish("ext4", pod)) },
	}.run(b, w, others, 60)
}

// readDirect is the least that tells what is on a device: one read of 72 KiB
// past the page cache.
func readDirect(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	block := make([]byte, 76<<10)
	skip := 4096 - int(uintptr(unsafe.Pointer(&block[0]))&4095)
	_, err = unix.Pread(fd, block[skip:skip+72<<10], 0)
	return errors.Join(err, unix.Close(fd))
}

func bareBind(source, at string, readOnly bool) error {
	if !readOnly {
		return unix.Mount(source, at, "", unix.MS_BIND, "")
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	if err == nil {
		err = unix.MoveMount(fd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH)
	}
	return errors.Join(err, unix.Close(fd))
}

// benchCycle measures the life of a volume that is formatted already.
func benchCycle(b *testing.B, w *tabwriter.Writer, n *nodeUnderTest, backend *loopFake, name string, others int) {
	source, err := backend.Locate(b.Context(), csi.NodeVolume{ID: name})
	require.NoError(b, err)
	path, staging, pod := source.(csi.Device).Path, n.stagingPath(name), n.path(name+"/mount")
	stage := n.stageRequest(name, fstype(name), func(r *csipb.NodeStageVolumeRequest) { r.VolumeContext = nil })
	publish := n.publishRequest(name, pod, asFilesystem(name), func(r *csipb.NodePublishVolumeRequest) { r.VolumeContext = nil })
	theirs, ctx := utils(), b.Context()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	backend.kept = map[string]csi.Device{name: source.(csi.Device)}
	defer func() {
		backend.kept = nil
		require.NoError(b, backend.Release(ctx, csi.NodeVolume{ID: name}))
	}()
	contest{name: "cycle-" + name, ours: func() {
		_, err := n.NodeStageVolume(ctx, stage)
		must(err)
		_, err = n.NodePublishVolume(ctx, publish)
		must(err)
		must(n.unpublish(name, pod))
		must(n.unstage(name))
	}, bare: func() {
		must(bareCycle(path, name, staging, pod))
	}, utils: func() {
		must(theirs.FormatAndMount(path, staging, name, nil))
		_, err := mountutils.NewResizeFs(theirs.Exec).NeedResize(path, staging)
		must(err)
		must(os.Mkdir(pod, 0o755))
		must(theirs.Mount(staging, pod, "", []string{"bind"}))
		must(mountutils.CleanupMountPoint(pod, theirs, true))
		must(theirs.Unmount(staging))
	}}.run(b, w, others, 40)
}

// bareCycle ends as the RPCs do: with everything on the device, and the device
// free.
func bareCycle(path, fsType, staging, pod string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = errors.Join(unix.Mount(path, staging, fsType, 0, ""), os.Mkdir(pod, 0o755), bareBind(staging, pod, false),
		unix.Unmount(pod, unix.UMOUNT_NOFOLLOW), os.Remove(pod), unix.Unmount(staging, unix.UMOUNT_NOFOLLOW),
		unix.Fsync(fd), unix.Close(fd))
	if err == nil && !exclusive(path) {
		err = unix.EBUSY
	}
	return err
}
