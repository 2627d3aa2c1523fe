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

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// bySerial locates an NVMe disk as a backend should: by its serial, of which
// there must be one.
func bySerial(serial string) func() (csi.Device, error) {
	return func() (csi.Device, error) {
		names := namesOf(serial)
		switch len(names) {
		case 0:
			return csi.Device{}, fmt.Errorf("%w: no disk has serial %s", csi.ErrUnavailable, serial)
		case 1:
			return csi.Device{Path: "/dev/" + names[0], Sysfs: map[string]string{"device/serial": serial}}, nil
		}
		return csi.Device{}, fmt.Errorf("%w: several disks have serial %s: %v", csi.ErrInUse, serial, names)
	}
}

// R2: the path of a volume leads to another disk. It is refused before a byte
// is read or written, formatted or not.
func TestR2_NVMeWithAnotherSerial(t *testing.T) {
	n := newNode(t, "serial")
	wrong := newDisk(t, "volwrong", 64*mib)
	path := wrong.plug()
	n.place("a", csi.Device{Path: path, Sysfs: map[string]string{"device/serial": "volright"}})
	before := digest(t, path)
	code := n.refused("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
	require.Equal(t, codes.FailedPrecondition, code)
	require.Equal(t, before, digest(t, path))
	n.find("b", bySerial("volwrong"))
	n.cycle("b", "ext4")
}

// R2: two disks with one serial, as after a wrong clone of a machine: neither
// is taken.
func TestR2_NVMeWithADuplicateSerial(t *testing.T) {
	n := newNode(t, "duplicate")
	one, two := newDisk(t, "volsame", 64*mib), newDisk(t, "volsame", 64*mib)
	a, b := one.plug(), two.plug()
	n.find("a", bySerial("volsame"))
	require.Equal(t, codes.FailedPrecondition, n.refused("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") }))
	require.Equal(t, digest(t, a), digest(t, b), "nothing was written to either")
	two.unplug()
	n.cycle("a", "ext4")
}

// R2: SCSI disks are told apart by device/wwid; scsi_debug gives two hosts one
// and the same disk.
func TestR2_SCSIWithAnotherWWID(t *testing.T) {
	looptest.NeedRoot(t)
	_ = exec.Command("modprobe", "sd_mod").Run() // no udev does it
	if out, err := exec.Command("modprobe", "scsi_debug", "dev_size_mb=64", "add_host=2", "delay=0").CombinedOutput(); err != nil {
		missing(t, "no scsi_debug: %v: %s", err, out)
	}
	t.Cleanup(func() { run(t, "modprobe", "-r", "scsi_debug") })
	var names []string
	require.Eventually(t, func() bool { names = scsiDebug(); return len(names) == 2 }, patient, 50*time.Millisecond)
	wwid := func(name string) string {
		text, err := os.ReadFile(filepath.Join("/sys/block", name, "device/wwid"))
		require.NoError(t, err)
		return strings.TrimSpace(string(text))
	}
	right, other := wwid(names[0]), wwid(names[1])
	t.Logf("%s has %s, %s has %s", names[0], right, names[1], other)
	n := newNode(t, "scsi")
	require.NotEqual(t, right, other)
	n.place("a", csi.Device{Path: "/dev/" + names[1], Sysfs: map[string]string{"device/wwid": right}})
	require.Equal(t, codes.FailedPrecondition, n.refused("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") }))
	require.NotContains(t, run(t, "od", "-An", "-tx1", "-N", "4096", "/dev/"+names[1]), "53 ef", "nothing was formatted")
	n.place("a", csi.Device{Path: "/dev/" + names[0], Sysfs: map[string]string{"device/wwid": right}})
	n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
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
	for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			n := newNode(t, "unplug")
			serial := "volpull" + fstype
			pulled, other := newDisk(t, serial, 400*mib), newDisk(t, "volstay"+fstype, 400*mib)
			first := pulled.plug()
			other.plug()
			n.find("a", bySerial(serial))
			n.find("b", bySerial("volstay"+fstype))
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
			n.must("publish", func(ctx context.Context) error { return n.publish(ctx, "a", fstype) })
			n.save(n.target("a"), "synced")
			require.NoError(t, os.WriteFile(filepath.Join(n.target("a"), "dirty"), make([]byte, mib), 0o600))
			pulled.unplug()
			taken := newDisk(t, "voltaken"+fstype, 64*mib) // takes the name, if the kernel has let go of it
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
	pulled := newDisk(t, "volraw", 64*mib)
	pulled.plug()
	n.find("a", bySerial("volraw"))
	n.must("stage", func(ctx context.Context) error { return n.stageRaw(ctx, "a") })
	pulled.unplug()
	taken := newDisk(t, "volrawtaken", 64*mib)
	before := digest(t, taken.plug())
	n.refused("publish", func(ctx context.Context) error { return n.publishRaw(ctx, "a") })
	n.must("unpublish", func(ctx context.Context) error { return n.unpublish(ctx, "a") })
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
	require.Equal(t, before, digest(t, "/dev/"+namesOf("volrawtaken")[0]))
}
