package csi_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/internal/namelock"
)

// A stateDisk is what a state directory is on, which can be made unwritable.
type stateDisk struct {
	make, forbid, allow func(t *testing.T, dir string)
}

// fullDisk has no space left.
func fullDisk() stateDisk {
	return stateDisk{
		make: func(t *testing.T, dir string) { require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k")) },
		forbid: func(t *testing.T, dir string) {
			f, err := os.Create(filepath.Join(dir, "filler"))
			require.NoError(t, err)
			for err == nil {
				_, err = f.Write(make([]byte, 4096))
			}
			require.ErrorIs(t, err, unix.ENOSPC)
			require.NoError(t, f.Close())
		},
		allow: func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "filler"))) },
	}
}

// failedDisk is one that the kernel makes read-only after an error.
func failedDisk(t *testing.T) stateDisk {
	device := looptest.Device(t, 16<<20)
	mount := func(t *testing.T, dir string) {
		require.NoError(t, unix.Mount(device, dir, "ext4", 0, "errors=remount-ro"))
	}
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(device), "trigger_fs_error")
	return stateDisk{
		make: func(t *testing.T, dir string) {
			out, err := exec.Command("mkfs.ext4", "-q", device).CombinedOutput()
			require.NoError(t, err, "%s", out)
			mount(t, dir)
		},
		forbid: func(t *testing.T, dir string) {
			if err := os.WriteFile(trigger, []byte("a test"), 0); err != nil {
				t.Skipf("this kernel cannot make an error of ext4: %v", err)
			}
			require.ErrorIs(t, os.WriteFile(filepath.Join(dir, "filler"), nil, 0o600), unix.EROFS)
		},
		allow: func(t *testing.T, dir string) {
			require.NoError(t, unix.Unmount(dir, 0))
			require.Eventually(t, func() bool { return holdAlone(device) == nil }, time.Minute, 10*time.Millisecond)
			_ = exec.Command("e2fsck", "-fy", device).Run()
			mount(t, dir)
		},
	}
}

// newNodeOn is a node with its state directory on such a disk.
func newNodeOn(t *testing.T, disk stateDisk, ids ...string) (*nodeUnderTest, *loopFake) {
	n, backend := newLoopNode(t, ids...)
	n.stop()
	n.opts.StateDir = filepath.Join(looptest.Dir(t), "state")
	require.NoError(t, os.Mkdir(n.opts.StateDir, 0o700))
	disk.make(t, n.opts.StateDir)
	n.start()
	t.Cleanup(func() {
		require.NoError(t, n.driver.Shutdown(t.Context()))
		require.NoError(t, unix.Unmount(n.opts.StateDir, 0))
	})
	return n, backend
}

// Volumes can also be let go of by a process that begins after the disk has
// failed, and an earlier one that is still there keeps it off what it works on.
func TestStateDirectoryThatAProcessFindsUnwritable(t *testing.T) {
	for name, disk := range map[string]stateDisk{"full": fullDisk(), "read-only": failedDisk(t)} {
		t.Run(name, func(t *testing.T) {
			n, backend := newNodeOn(t, disk, "v", "w")
			for _, id := range []string{"v", "w"} {
				require.NoError(t, n.stage(id, fstype("ext4")))
				require.NoError(t, n.publish(id, n.path("pod-"+id), asFilesystem("ext4")))
			}
			n.stop()
			earlier := namelock.File(filepath.Join(n.opts.StateDir, "lock")).Keep()
			defer earlier.Close()
			require.NoError(t, earlier.Open())
			disk.forbid(t, n.opts.StateDir)
			n.start()
			n.want(codes.Unavailable, n.publish("v", n.path("other"), asFilesystem("ext4")), "volume v", "cannot be written down")
			for _, mode := range []namelock.Mode{namelock.Shared, namelock.Exclusive} {
				unlock, err := earlier.TryLock(`volume "w"`, mode)
				require.NoError(t, err)
				short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				_, err = n.NodeUnstageVolume(short, &csipb.NodeUnstageVolumeRequest{VolumeId: "w", StagingTargetPath: n.stagingPath("w")})
				cancel()
				n.want(codes.Aborted, err, "w")
				require.NoError(t, n.unpublish("v", n.path("pod-v")))
				unlock()
			}
			require.NoError(t, n.unpublish("w", n.path("pod-w")))
			for _, id := range []string{"v", "w"} {
				require.NoError(t, n.unstage(id))
				backend.detached(t, id)
			}
			require.Zero(t, n.mounts())

			n.stop()
			earlier.Close()
			disk.allow(t, n.opts.StateDir)
			n.start()
			require.NoError(t, n.stage("v", fstype("ext4")), "what is out of date does no harm")
			require.NoError(t, n.unstage("v"))
		})
	}
}

// Volumes that are in use when nothing can be written down any more can be let
// go of, and nothing new is begun.
func TestStateDirectoryThatCannotBeWritten(t *testing.T) {
	for name, disk := range map[string]stateDisk{"full": fullDisk(), "read-only": failedDisk(t)} {
		t.Run(name, func(t *testing.T) {
			n, backend := newNodeOn(t, disk, "v", "w")
			require.NoError(t, n.stage("v", fstype("ext4")))
			require.NoError(t, n.publish("v", n.path("pod"), asFilesystem("ext4")))
			n.write(n.path("pod"), "precious")

			disk.forbid(t, n.opts.StateDir)
			n.want(codes.Unavailable, n.stage("w", fstype("ext4")), "volume w", n.opts.StateDir)
			n.want(codes.Unavailable, n.publish("v", n.path("other"), asFilesystem("ext4")), "volume v", "cannot be written down")
			require.Equal(t, "precious", n.read(n.path("pod")), "the pod goes on")
			for range 2 { // what is done is done again
				require.NoError(t, n.unpublish("v", n.path("pod")))
				require.NoDirExists(t, n.path("pod"))
			}
			for range 2 {
				require.NoError(t, n.unstage("v"))
				require.Zero(t, n.mounts())
			}
			backend.detached(t, "v")

			n.stop()
			disk.allow(t, n.opts.StateDir)
			n.start()
			require.NoError(t, n.stage("v", fstype("ext4")), "what is out of date does no harm")
			require.NoError(t, n.publish("v", n.path("other"), asFilesystem("ext4")))
			require.Equal(t, "precious", n.read(n.path("other")))
			require.NoError(t, n.unpublish("v", n.path("other")))
			require.NoError(t, n.unstage("v"))
			require.NoError(t, n.stage("w", fstype("ext4")))
			require.NoError(t, n.unstage("w"))
		})
	}
}

// TestR6_AnUnknownVolumeIsNotUnstagedUnwritten: nothing would say after the
// unmount which device must be free.
func TestR6_AnUnknownVolumeIsNotUnstagedUnwritten(t *testing.T) {
	disk := fullDisk()
	n, _ := newNodeOn(t, disk, "v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	n.stop()
	require.NoError(t, os.Rename(filepath.Join(n.opts.StateDir, "volumes"), filepath.Join(n.opts.StateDir, "lost")))
	n.start()
	disk.forbid(t, n.opts.StateDir)
	n.want(codes.Unavailable, n.unstage("v"), "cannot be written down")
	require.Equal(t, 1, n.mounts())
	disk.allow(t, n.opts.StateDir)
	require.NoError(t, n.unstage("v"))
	require.Zero(t, n.mounts())
}
