package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// bySerial locates a disk as the EBS backend does on a node: by its serial, which
// is the volume's id. It finds what this machine's kernel shows, and calls nobody.
func bySerial(t *testing.T, serial string) func() (csi.Device, error) {
	t.Helper()
	b, err := ebs.New(ebs.Options{DeviceTimeout: time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return func() (csi.Device, error) {
		source, err := b.Locate(t.Context(), csi.NodeVolume{ID: strings.Replace(serial, "vol", "vol-", 1)})
		if err != nil {
			return csi.Device{}, err
		}
		return source.(csi.Device), nil
	}
}

// R2: the path of a volume leads to another disk. It is refused before a byte
// is read or written, formatted or not.
func TestR2_NVMeWithAnotherSerial(t *testing.T) {
	n := newNode(t, "serial")
	wrong := newDisk(t, "vol00000001", 64*mib)
	path := wrong.plug()
	n.place("a", csi.Device{Path: path, Sysfs: map[string]string{"device/serial": "vol00000002"}})
	before := digest(t, path)
	code := n.refused("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
	require.Equal(t, codes.FailedPrecondition, code)
	require.Equal(t, before, digest(t, path))
	n.find("b", bySerial(t, "vol00000001"))
	n.cycle("b", "ext4")
}

// R2: a second disk with the same serial, as after a wrong clone of a machine.
// Linux may refuse it by itself, since the two cannot both be that disk; if it
// does not, neither of them may be taken. It never takes the place of the first.
func TestR2_NVMeWithADuplicateSerial(t *testing.T) {
	n := newNode(t, "duplicate")
	one, two := newDisk(t, "vol00000003", 64*mib), newDisk(t, "vol00000003", 64*mib)
	path := one.plug()
	n.find("a", bySerial(t, "vol00000003"))
	n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
	n.save(n.staging("a"), "of the first")
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
	before := digest(t, path)
	two.add()
	for deadline := time.Now().Add(10 * time.Second); len(namesOf("vol00000003")) < 2 && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	if names := namesOf("vol00000003"); len(names) == 2 {
		code := n.refused("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
		require.Equal(t, codes.Unavailable, code)
		for _, name := range names {
			if "/dev/"+name != path {
				require.NotEqual(t, before, digest(t, "/dev/"+name))
			}
		}
	} else {
		t.Log("the kernel has refused the second disk")
	}
	require.Equal(t, before, digest(t, path))
	two.take()
	require.Eventually(t, func() bool { return len(namesOf("vol00000003")) == 1 }, patient, 20*time.Millisecond)
	n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
	n.saved(n.staging("a"), "of the first")
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
}

// scsiDisks makes two SCSI disks, which have one wwid if the module is told so.
func scsiDisks(t *testing.T, parameters ...string) (names []string) {
	t.Helper()
	looptest.NeedRoot(t)
	_ = exec.Command("modprobe", "sd_mod").Run() // no udev does it
	if out, err := exec.Command("modprobe", append([]string{"scsi_debug", "dev_size_mb=64", "add_host=2", "delay=0"}, parameters...)...).CombinedOutput(); err != nil {
		missing(t, "no scsi_debug: %v: %s", err, out)
	}
	t.Cleanup(func() { run(t, "modprobe", "-r", "scsi_debug") })
	require.Eventually(t, func() bool { names = scsiDebug(); return len(names) == 2 }, patient, 50*time.Millisecond)
	return names
}

func wwid(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/sys/block", name, "device/wwid"))
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

// R2: the path of a SCSI volume leads to a disk with another wwid.
func TestR2_SCSIWithAnotherWWID(t *testing.T) {
	names := scsiDisks(t)
	right := wwid(t, names[0])
	require.NotEqual(t, right, wwid(t, names[1]))
	n := newNode(t, "scsi")
	before := digest(t, "/dev/"+names[1])
	n.place("a", csi.Device{Path: "/dev/" + names[1], Sysfs: map[string]string{"device/wwid": right}})
	require.Equal(t, codes.FailedPrecondition, n.refused("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") }))
	require.Equal(t, before, digest(t, "/dev/"+names[1]), "nothing was written")
	n.place("a", csi.Device{Path: "/dev/" + names[0], Sysfs: map[string]string{"device/wwid": right}})
	n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
}

// R2: two SCSI disks with one wwid, which a promise in Device.Sysfs cannot tell
// apart: a backend that finds two takes neither.
func TestR2_SCSIWithADuplicateWWID(t *testing.T) {
	names := scsiDisks(t, "vpd_use_hostno=0")
	id := wwid(t, names[0])
	require.Equal(t, id, wwid(t, names[1]), "or this test proves nothing")
	n := newNode(t, "scsi")
	n.find("a", func() (csi.Device, error) {
		var found []string
		for _, name := range scsiDebug() {
			if wwid(t, name) == id {
				found = append(found, name)
			}
		}
		if len(found) != 1 {
			return csi.Device{}, fmt.Errorf("%w: several disks have wwid %s: %v", csi.ErrInUse, id, found)
		}
		return csi.Device{Path: "/dev/" + found[0], Sysfs: map[string]string{"device/wwid": id}}, nil
	})
	require.Equal(t, codes.FailedPrecondition, n.refused("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") }))
}

func scsiDebug() (names []string) {
	found, _ := filepath.Glob("/sys/block/sd*/device/model")
	for _, path := range found {
		if text, _ := os.ReadFile(path); strings.TrimSpace(string(text)) == "scsi_debug" {
			names = append(names, filepath.Base(filepath.Dir(filepath.Dir(path))))
		}
	}
	return names
}

// R6, R14, R17: a disk is pulled out while it is mounted. Everything answers,
// the dead file system goes, other volumes do not notice, and when the disk is
// back under another name it is found by its serial, with what was synced.
func TestR6_UnplugWhileMounted(t *testing.T) {
	for i, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			n := newNode(t, "unplug")
			serial, stays := fmt.Sprintf("vol0000001%d", i), fmt.Sprintf("vol0000002%d", i)
			pulled, other := newDisk(t, serial, 400*mib), newDisk(t, stays, 400*mib)
			first := pulled.plug()
			other.plug()
			n.find("a", bySerial(t, serial))
			n.find("b", bySerial(t, stays))
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
			n.must("publish", func(ctx context.Context) error { return n.publish(ctx, "a", fstype) })
			n.save(n.target("a"), "synced")
			require.NoError(t, os.WriteFile(filepath.Join(n.target("a"), "dirty"), make([]byte, mib), 0o600))
			pulled.unplug()
			taken := newDisk(t, fmt.Sprintf("vol0000003%d", i), 64*mib) // takes the name, if the kernel has let go of it
			taken.plug()

			_ = n.answers("statistics", func(ctx context.Context) error { _, err := n.stats(ctx, "a", n.target("a")); return err })
			_ = n.answers("publish again", func(ctx context.Context) error { return n.publish(ctx, "a", fstype) })
			n.cycle("b", fstype)
			n.must("unpublish", func(ctx context.Context) error { return n.unpublish(ctx, "a") })
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			require.Equal(t, 1, n.released["a"], "Release was called")

			second := pulled.plug()
			t.Logf("the disk was %s and is %s", first, second)
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
			n.saved(n.staging("a"), "synced")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			n.cycle("b", fstype)
		})
	}
}

// R17: the device of a raw volume is pulled out. A publish proves it again and
// refuses, also when another disk has its number by then.
func TestR17_UnplugOfARawDevice(t *testing.T) {
	n := newNode(t, "raw")
	pulled := newDisk(t, "vol00000004", 64*mib)
	pulled.plug()
	n.find("a", bySerial(t, "vol00000004"))
	n.must("stage", func(ctx context.Context) error { return n.stageRaw(ctx, "a") })
	pulled.unplug()
	taken := newDisk(t, "vol00000005", 64*mib)
	before := digest(t, taken.plug())
	n.refused("publish", func(ctx context.Context) error { return n.publishRaw(ctx, "a") })
	n.must("unpublish", func(ctx context.Context) error { return n.unpublish(ctx, "a") })
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
	require.Equal(t, before, digest(t, "/dev/"+namesOf("vol00000005")[0]))
}
