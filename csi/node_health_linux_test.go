package csi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount"
)

// shutDown makes a mounted file system fail, as an error of its disk does
// (XFS_IOC_GOINGDOWN and EXT4_IOC_SHUTDOWN are the same, with the same flags).
func shutDown(t *testing.T, path string) {
	dir, err := os.Open(path)
	require.NoError(t, err)
	defer dir.Close()
	flag := uint32(2) // without flushing the log
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, dir.Fd(), 0x8004587d, uintptr(unsafe.Pointer(&flag)))
	require.Zero(t, errno)
}

// TestNodeHealth_FileSystemThatFails: the kernel has shut a file system down.
func TestNodeHealth_FileSystemThatFails(t *testing.T) {
	eachKernel(t, func(t *testing.T, only *mount.Features) {
		for _, name := range []string{"ext4", "xfs"} {
			t.Run(name, func(t *testing.T) {
				n, _ := newLoopNodeOn(t, only, "v")
				require.NoError(t, n.stage("v", fstype(name)))
				target, staging := n.path("pod/mount"), n.stagingPath("v")
				require.NoError(t, n.publish("v", target, asFilesystem(name)))
				for _, path := range []string{target, ""} {
					healthy, err := n.health("v", path, staging)
					require.NoError(t, err)
					require.Empty(t, healthy)
				}
				shutDown(t, target)
				if name == "ext4" && !strings.Contains(mountLine(t, target), "shutdown") {
					t.Log("this kernel tells nobody that an ext4 was shut down (before Linux 6.15)")
				} else {
					for _, path := range []string{target, ""} {
						ill, err := n.health("v", path, staging)
						require.NoError(t, err)
						require.Len(t, ill, 1, "%s", path)
						require.Contains(t, ill[0], "INACCESSIBLE ")
					}
				}
				require.NoError(t, n.unpublish("v", target))
				_, err := n.NodeUnstageVolume(t.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: "v", StagingTargetPath: staging})
				require.NoError(t, err)
			})
		}
	})
}

// mountLine is the kernel's own line of what is mounted at path.
func mountLine(t *testing.T, path string) string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	_, line, found := strings.Cut(string(table), " "+path+" ")
	require.True(t, found)
	line, _, _ = strings.Cut(line, "\n")
	return line
}

// TestNodeHealth_ErrorsOfExt4: ext4 has found something wrong on its disk, goes
// on, and says so until it is checked.
func TestNodeHealth_ErrorsOfExt4(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(backend.device(t, "v")), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("test"), 0o600); err != nil {
		t.Skip("this kernel makes no errors on purpose:", err)
	}
	staging := n.stagingPath("v")
	require.Eventually(t, func() bool { // the kernel counts a little later
		ill, err := n.health("v", "", staging)
		return err == nil && len(ill) == 1 && strings.HasPrefix(ill[0], "DEGRADED FileSystemErrors ext4 has seen 1 errors")
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, n.unstage("v"))
}

// TestNodeHealth_MadeReadOnly: a file system with errors=remount-ro after one.
func TestNodeHealth_MadeReadOnly(t *testing.T) {
	n, _ := newLoopNode(t, "v", "raw")
	require.NoError(t, n.stage("v", fstype("xfs")))
	staging := n.stagingPath("v")
	require.NoError(t, unix.Mount("", staging, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	ill, err := n.health("v", "", staging)
	require.NoError(t, err)
	require.Len(t, ill, 1)
	require.Contains(t, ill[0], "DEGRADED FileSystemReadOnly ")
	require.NoError(t, n.unstage("v"))

	require.NoError(t, n.stage("raw", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = rawAccess(csi.SingleNodeWriter) }))
	healthy, err := n.health("raw", "", n.stagingPath("raw"))
	require.NoError(t, err, "a raw device has no file system to ask")
	require.Empty(t, healthy)
	require.NoError(t, n.unstage("raw"))
}
