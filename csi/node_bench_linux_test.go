package csi_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"text/tabwriter"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// BenchmarkNode measures, among 10, 1,000 and 5,000 other mounts, what a node
// does to volumes: by this library, by k8s.io/mount-utils, and by the bare
// system calls. It prints one table at the end, and how long publishing takes
// among 5,000 mounts as against 10.
//
// The three take turns, and medians are compared, so that the ratios hold on a
// machine that does other things too. The time of the processor, of this process
// and its children, depends less on the others; what the kernel does in threads
// of its own is not in it.
//
// A cycle of ours is four RPCs over gRPC: stage, publish, unpublish, unstage,
// by a backend that has nothing to release, as that of EBS; one that has costs
// two flushes of the disk of the state directory more. The bare cycle is what
// the same result needs at least: open the device, mount(2), a bind, two umount2,
// a sync of the file system while it is still to be seen (R6), fsync and an
// exclusive open of the device. It has no RPC, no probe, no record of what was
// done. The cycle of mount-utils is what aws-ebs-csi-driver calls of it in these
// four RPCs; without the lsblk by which that driver looks at the serial number,
// and without systemd-run. It keeps no record either.
//
// In the rows cycle-FS-rpc the two others are served by gRPC too, each call by
// the RPC that it belongs to, so that what is left between ours and the bare
// calls is what this library adds to them. The row rpc is an RPC that does
// nothing: four of them are in a cycle.
func BenchmarkNode(b *testing.B) {
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tOTHER MOUNTS\tOURS\tMOUNT-UTILS\tBARE\tOURS/BARE\tMOUNT-UTILS/OURS\tCPU OURS\tMOUNT-UTILS\tBARE\t")
	for _, others := range []int{10, 1000, 5000} {
		b.Run(strconv.Itoa(others), func(b *testing.B) { benchAmong(b, w, others) })
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	b.Run("crowd", func(b *testing.B) { benchCrowd(b, &table, 10, 5000) })
	fmt.Printf("BenchmarkNode, medians of turns:\n%s\n", &table) // b.Log would cut it off from its last lines
}

func benchAmong(b *testing.B, w *tabwriter.Writer, others int) {
	n, backend := newBenchNode(b, "xfs", "ext4")
	defer n.crowd(others)()
	for _, name := range []string{"xfs", "ext4"} {
		require.NoError(b, n.stage(name, fstype(name))) // formats
		if name == "ext4" {
			benchParts(b, w, n, backend, others)
		}
		require.NoError(b, n.unstage(name))
		benchCycle(b, w, n, backend, "cycle-"+name, name, others)
	}
	if others <= 10 {
		n.disable()
		benchCycle(b, w, n, backend, "cycle-releaser", "ext4", others)
	}
}

// newBenchNode is a node with volumes on images of these names.
func newBenchNode(b *testing.B, ids ...string) (*nodeUnderTest, *loopFake) {
	n, backend := newLoopNode(b, ids...)
	n.quiet = true
	n.disable("Releaser")
	return n, backend
}

// disable restarts the driver without these abilities of the backend.
func (n *nodeUnderTest) disable(abilities ...string) {
	n.stop()
	n.opts.Disable = abilities
	n.start()
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
	contest{name: "rpc", ours: func() {
		_, err := n.NodeGetCapabilities(ctx, &csipb.NodeGetCapabilitiesRequest{})
		must(err)
	}}.run(b, w, others, 60)
	pod := n.path("publish/mount")
	publish := n.publishRequest("ext4", pod, asFilesystem("ext4"))
	contest{name: "publish-rpc",
		ours: func() {
			_, err := n.NodePublishVolume(ctx, publish)
			must(err)
		},
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

// patiently does what onceFree does.
func patiently(b *testing.B, f func() error) { require.NoError(b, onceFree(f)) }

// onceFree tries again while the device is held: a process of the machine that
// makes a mount namespace of its own has all mounts in it for a while.
func onceFree(f func() error) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		err := f()
		held := status.Code(err) == codes.Aborted || errors.Is(err, unix.EBUSY)
		if err == nil || !held || time.Now().After(end) {
			return err
		}
	}
}
