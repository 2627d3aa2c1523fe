package csi_test

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// TestR2_TheWrongDeviceIsNotTouched: whatever is not proven is neither read
// as data nor written, and what Locate made is undone.
func TestR2_TheWrongDeviceIsNotTouched(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*csi.Device)
		want codes.Code
		text string
	}{
		"no proof at all (ruling 23)": {func(d *csi.Device) { d.Verify = nil }, codes.FailedPrecondition, "Anonymous"},
		"Verify": {func(d *csi.Device) {
			d.Verify = func(context.Context, *os.File) error { return csi.ErrFailed }
		}, codes.Internal, "Verify"},
		"sysfs differs":      {func(d *csi.Device) { d.Sysfs = map[string]string{"ro": "7"} }, codes.FailedPrecondition, `found "0"`},
		"sysfs is not there": {func(d *csi.Device) { d.Sysfs = map[string]string{"device/serial": "s"} }, codes.FailedPrecondition, "device/serial"},
		"no device yet":      {func(d *csi.Device) { d.Path = "/dev/no-such-device" }, codes.Unavailable, "not there yet"},
		"not grown yet":      {func(d *csi.Device) { d.MinSize = imageSize + 1 }, codes.Unavailable, "grown"},
		"not a device":       {func(d *csi.Device) { d.Path = "/etc/passwd" }, codes.Unavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			before := backend.hash(t, "v")
			backend.set(test.edit)
			n.want(test.want, n.stage("v"), test.text)
			require.Equal(t, before, backend.hash(t, "v"))
			require.Zero(t, n.mounts())
			if test.want == codes.Unavailable {
				backend.set(nil)
				require.NoError(t, n.stage("v"), "the retry goes on")
				require.NoError(t, n.unstage("v"))
			}
			backend.detached(t, "v")
			n.nothingLeft()
		})
	}
}

// TestRuling19_MinSizeIsAMinimum: NodeStage carries no size, and what a backend
// knows of it is stale after a growth. A larger device is no other device.
func TestRuling19_MinSizeIsAMinimum(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	for _, least := range []int64{0, imageSize, imageSize / 2} {
		backend.set(func(d *csi.Device) { d.MinSize = least })
		require.NoError(t, n.stage("v"))
		require.NoError(t, n.unstage("v"))
	}
	backend.set(func(d *csi.Device) { d.MinSize = imageSize + 1 })
	n.want(codes.Unavailable, n.stage("v"), "it has not been grown yet")
	require.NoError(t, os.Truncate(backend.image("v"), imageSize+4096))
	require.NoError(t, backend.GrowDevice(t.Context(), csi.Expansion{VolumeRef: csi.VolumeRef{ID: "v"}}))
	require.NoError(t, n.stage("v"), "the retry goes on when it has")
	require.NoError(t, n.unstage("v"))
}

// TestRuling31_AGroupIsNotForDevices: the kubelet leaves fsGroup to such a driver
// for all of its volumes, and no file system on a device takes gid=.
func TestRuling31_AGroupIsNotForDevices(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	n.backend = &groupOfDevices{backend}
	n.restart()
	before := backend.hash(t, "v")
	n.want(codes.FailedPrecondition, n.stage("v"), "MountGroup")
	require.Equal(t, before, backend.hash(t, "v"))
	backend.detached(t, "v")
	n.nothingLeft()
}

type groupOfDevices struct{ *loopFake }

func (*groupOfDevices) Traits() csi.Traits {
	return csi.Traits{Block: []csi.AccessMode{}, MountGroup: true}
}

// TestRuling23_Anonymous devices need no proof.
func TestRuling23_Anonymous(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	backend.set(func(d *csi.Device) { d.Verify, d.Anonymous = nil, "a test" })
	require.NoError(t, n.stage("v"))
	require.NoError(t, n.unstage("v"))
}

// TestR1_NotFormatted: the content of the image stays as it is, to the byte.
func TestR1_NotFormatted(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*testing.T, *loopFake)
		edit    func(*csipb.NodeStageVolumeRequest)
		text    string
	}{
		"marked and empty": {func(t *testing.T, b *loopFake) {
			require.NoError(t, b.MarkFormatted(t.Context(), csi.NodeVolume{ID: "v"}))
		}, nil, "marked as formatted"},
		"static":   {nil, func(r *csipb.NodeStageVolumeRequest) { r.VolumeContext = nil }, "made by hand"},
		"restored": {nil, func(r *csipb.NodeStageVolumeRequest) { r.VolumeContext["csikit.io/origin"] = "restore" }, "snapshot"},
		"reader": {nil, func(r *csipb.NodeStageVolumeRequest) {
			r.VolumeCapability = mountAccess(csi.MultiNodeReaderOnly, "")
		}, "read-only"},
		"the backend's veto": {func(_ *testing.T, b *loopFake) { b.set(func(d *csi.Device) { d.NeverFormat = true }) }, nil, "never"},
		"unknown data": {func(t *testing.T, b *loopFake) {
			f, err := os.OpenFile(b.image("v"), os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte("something"), 1<<20)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}, nil, "unknown kind"},
	} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			if test.prepare != nil {
				test.prepare(t, backend)
			}
			before := backend.hash(t, "v")
			edits := []func(*csipb.NodeStageVolumeRequest){}
			if test.edit != nil {
				edits = append(edits, test.edit)
			}
			n.want(codes.FailedPrecondition, n.stage("v", edits...), test.text)
			backend.detached(t, "v")
			require.Equal(t, before, backend.hash(t, "v"))
			n.nothingLeft()
		})
	}
}

// TestR1_ACopyOfNothingIsFormatted, if the backend knows that it is one.
func TestR1_ACopyOfNothingIsFormatted(t *testing.T) {
	for _, origin := range []string{"restore", "clone"} {
		n, backend := newLoopNode(t, "v")
		copied := func(r *csipb.NodeStageVolumeRequest) { r.VolumeContext["csikit.io/origin"] = origin }
		n.want(codes.FailedPrecondition, n.stage("v", copied), "nothing proves")
		backend.set(func(d *csi.Device) { d.Blank = true })
		require.NoError(t, n.stage("v", copied))
		n.write(n.stagingPath("v"), "precious")
		require.NoError(t, n.unstage("v"))
		require.NoError(t, n.stage("v", copied))
		require.Equal(t, "precious", n.read(n.stagingPath("v")))
		require.NoError(t, n.unstage("v"))
	}
}

func TestR1_OptionsAreRefusedBeforeMkfs(t *testing.T) {
	for name, edit := range map[string]func(*csipb.NodeStageVolumeRequest){
		"format option": func(r *csipb.NodeStageVolumeRequest) { r.VolumeContext["fs.csikit.io/nonsense"] = "1" },
		"mount option": func(r *csipb.NodeStageVolumeRequest) {
			r.VolumeCapability = mountAccess(csi.SingleNodeWriter, "xfs", "no_such_option=1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			before := backend.hash(t, "v")
			n.want(codes.InvalidArgument, n.stage("v", edit))
			require.Equal(t, before, backend.hash(t, "v"))
			n.nothingLeft()
		})
	}
}

func TestR4_AnotherFileSystemThanAskedFor(t *testing.T) {
	n, _ := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("xfs")))
	n.want(codes.AlreadyExists, n.stage("v", fstype("ext4")), "xfs", "ext4")
	require.NoError(t, n.stage("v", fstype("")), "none asked for")
	require.NoError(t, n.unstage("v"))
	n.want(codes.FailedPrecondition, n.stage("v", fstype("ext4")), "xfs", "ext4")
	require.NoError(t, n.stage("v", fstype("")), "the existing one is used if none is asked for")
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestRule40_DeviceStagingIsUndone: an error after mkfs and before the mount.
func TestRule40_DeviceStagingIsUndone(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	backend.markFail = csi.ErrExhausted
	n.want(codes.ResourceExhausted, n.stage("v"))
	require.Zero(t, n.mounts())
	backend.detached(t, "v")
	n.nothingLeft()
	backend.markFail = nil
	require.NoError(t, n.stage("v"), "what mkfs made is used")
	require.NoError(t, n.unstage("v"))
}

// TestR9_AHalfMadeFileSystemIsMadeAgain: ours is known by its UUID.
func TestR9_AHalfMadeFileSystemIsMadeAgain(t *testing.T) {
	for _, ours := range []bool{true, false} {
		n, backend := newLoopNode(t, "v", "w")
		require.NoError(t, n.stage("v", fstype("xfs")))
		require.NoError(t, n.unstage("v"))
		id := "v"
		if !ours { // the image of one volume found under the id of another
			id = "w"
			require.NoError(t, os.Rename(backend.image("v"), backend.image("w")))
		}
		_ = os.Remove(backend.image("v") + ".formatted")
		halfMake(t, backend.image(id))
		before := backend.hash(t, id)
		if ours {
			require.NoError(t, n.stage(id, fstype("xfs")))
			require.NoError(t, n.unstage(id))
			continue
		}
		n.want(codes.FailedPrecondition, n.stage(id, fstype("xfs")), "half-made", "another program")
		require.Equal(t, before, backend.hash(t, id))
	}
}

// halfMake makes a complete xfs look as it does while mkfs runs: sb_inprogress
// is set, in a superblock whose checksum is right (xfs_format.h).
func halfMake(t *testing.T, path string) {
	image, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	super := make([]byte, 512)
	_, err = image.ReadAt(super, 0)
	require.NoError(t, err)
	super[126] = 1
	clear(super[224:228])
	binary.LittleEndian.PutUint32(super[224:], crc32.Checksum(super, crc32.MakeTable(crc32.Castagnoli)))
	_, err = image.WriteAt(super, 0)
	require.NoError(t, err)
	require.NoError(t, image.Close())
}

// TestLogSaysWhatWasDetected: an operator sees why a disk was formatted, and
// that it was resized.
func TestLogSaysWhatWasDetected(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	var log strings.Builder
	n.stop()
	n.log = &log
	n.start()
	require.NoError(t, n.stage("v", fstype("xfs")))
	require.NoError(t, os.Truncate(backend.image("v"), 2*imageSize))
	_, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{VolumeId: "v", VolumePath: n.stagingPath("v")})
	require.NoError(t, err)
	require.NoError(t, n.unstage("v"))
	n.stop()
	n.stop = func() {}
	for _, words := range []string{"formatting", "evidence=", "fstype=xfs", "has been resized", "before="} {
		require.Contains(t, log.String(), words)
	}
}

// TestRule40_WhatMkfsCanNeverDoIsFinal: a code that says "may be running"
// would be retried for ever.
func TestRule40_WhatMkfsCanNeverDoIsFinal(t *testing.T) {
	for name, test := range map[string]struct {
		size int64
		edit func(*csipb.NodeStageVolumeRequest)
		text string
	}{
		"too small": {200 << 20, fstype("xfs"), "needs a device of at least 314572800 bytes"},
		"option":    {imageSize, func(r *csipb.NodeStageVolumeRequest) { r.VolumeContext["fs.csikit.io/numberOfInodes"] = "4000000000" }, "inode"},
	} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			require.NoError(t, os.Truncate(backend.image("v"), test.size))
			n.want(codes.InvalidArgument, n.stage("v", test.edit), test.text)
			backend.detached(t, "v")
			n.nothingLeft()
		})
	}
}
