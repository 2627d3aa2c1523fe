//go:build linux

package crashtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/internal/invariant"
)

// A toolFault is a tool of package fs that fails while a volume is staged.
type toolFault struct {
	name string
	kind string // of the volume
	// used makes a new volume one that was used before; nil: it is new.
	used func(*volume) error
	// tool runs this shell script where it is to change the device; $real is the
	// tool, and its arguments are there. Otherwise it does what it does.
	tool, script string
	want         codes.Code
	// dryToo says that it fails as well where it is asked to change nothing.
	dryToo bool
}

var toolFaults = []toolFault{
	{"mkfs has written and fails", "ext4", nil, "mkfs.ext4", `"$real" "$@"; exit 1`, codes.Unavailable, false},
	{"mkfs has written and fails", "xfs", nil, "mkfs.xfs", `"$real" "$@"; exit 1`, codes.Unavailable, false},
	{"mkfs has written and fails", "btrfs", nil, "mkfs.btrfs", `"$real" "$@"; exit 1`, codes.Unavailable, false},
	{"mkfs fails at once", "ext4", nil, "mkfs.ext4", `exit 1`, codes.Unavailable, false},
	{"mkfs fails at once", "xfs", nil, "mkfs.xfs", `exit 1`, codes.Unavailable, false},
	{"mkfs fails at once", "btrfs", nil, "mkfs.btrfs", `exit 1`, codes.Unavailable, false},
	{"mkfs dies of a signal", "ext4", nil, "mkfs.ext4", `kill -9 $$`, codes.Unavailable, false},
	{"mkfs dies of a signal", "xfs", nil, "mkfs.xfs", `kill -9 $$`, codes.Unavailable, false},
	{"mkfs says that it has worked, and has not", "ext4", nil, "mkfs.ext4", `exit 0`, codes.Unavailable, false},
	{"mkfs says that it has worked, and has not", "xfs", nil, "mkfs.xfs", `exit 0`, codes.Unavailable, false},
	{"mkfs says that it has worked, and has not", "btrfs", nil, "mkfs.btrfs", `exit 0`, codes.Unavailable, false},
	{"mkfs refuses, also where it writes nothing", "ext4", nil, "mkfs.ext4", `exit 1`, codes.InvalidArgument, true},
	{"mkfs refuses, also where it writes nothing", "xfs", nil, "mkfs.xfs", `exit 1`, codes.InvalidArgument, true},
	{"blkid fails", "ext4", nil, "blkid", `exit 4`, codes.Unavailable, false},
	{"blkid finds two file systems", "ext4", nil, "blkid", `exit 8`, codes.FailedPrecondition, false},
	{"e2fsck leaves errors", "ext4", needsCheck, "e2fsck", `exit 4`, codes.FailedPrecondition, false},
	{"e2fsck leaves errors and fails", "ext4", needsCheck, "e2fsck", `exit 12`, codes.FailedPrecondition, false},
	{"e2fsck asks for a second look for ever", "ext4", needsCheck, "e2fsck", `exit 2`, codes.FailedPrecondition, false},
	{"e2fsck dies of a signal", "ext4", needsCheck, "e2fsck", `kill -9 $$`, codes.Unavailable, false},
	{"resize2fs fails", "ext4", grownAway, "resize2fs", `exit 1`, codes.Unavailable, false},
	{"resize2fs dies of a signal", "ext4", grownAway, "resize2fs", `kill -9 $$`, codes.Unavailable, false},
	{"e2fsck before resize2fs leaves errors", "ext4", grownAway, "e2fsck", `exit 4`, codes.FailedPrecondition, false},
}

// install puts the tool in front of PATH, so that it fails until healed.
func (f toolFault) install(t *testing.T, h *host) (heal func()) {
	t.Helper()
	tool, err := exec.LookPath(f.tool)
	require.NoError(t, err)
	dry, ok := map[string]string{"mkfs.ext4": "-n", "mkfs.xfs": "-N"}[f.tool]
	if !ok {
		dry = "no such argument"
	}
	tried := `exec "$real" "$@"`
	if f.dryToo {
		tried = f.script
	}
	script := fmt.Sprintf(`#!/bin/sh
real=%s
test -e "$0.broken" || exec "$real" "$@"
case " $* " in
*" %s "*) %s ;;
*" /proc/self/fd/"*) echo x >>"$0.struck"; %s ;;
esac
exec "$real" "$@"
`, tool, dry, tried, f.script)
	dir := h.path("tools")
	require.NoError(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, f.tool)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o700))
	require.NoError(t, os.WriteFile(path+".broken", nil, 0o600))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() {
		require.FileExists(t, path+".struck", "the tool was never asked to change the device: this proves nothing")
		require.NoError(t, os.Remove(path+".broken"))
	}
}

// needsCheck makes the file system of the volume one that e2fsck must repair.
func needsCheck(v *volume) error {
	out, err := exec.Command("debugfs", "-w", "-R", "ssv state 2", v.image()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("debugfs: %w: %s", err, out)
	}
	return nil
}

// grownAway makes the device of the volume larger than its file system.
func grownAway(v *volume) error { return os.Truncate(v.image(), v.kind.size+v.kind.step) }

// TestUndo_Tools makes the tools fail that package fs runs for a stage. After a
// final error nothing of the stage is left; after any other the retry goes on
// from there, and ends with a volume that works.
func TestUndo_Tools(t *testing.T) {
	for _, f := range toolFaults {
		t.Run(f.kind+"/"+f.name, func(t *testing.T) {
			if f.tool == "resize2fs" && mayGrowExt4() {
				t.Skip("ext4 grows online here, without resize2fs")
			}
			d, _ := inProcess(t)
			v, err := d.h.newVolume(t.Context(), d, kindOf(f.kind))
			require.NoError(t, err)
			if f.used != nil {
				require.NoError(t, v.settled(t.Context(), d, stage))
				require.NoError(t, v.settled(t.Context(), d, unstage))
				require.NoError(t, f.used(v))
			}
			heal := f.install(t, d.h)
			err = v.do(t.Context(), d, stage, 0)
			require.Equal(t, f.want, status.Code(err), "%v", err)
			if !mayFail(f.want) {
				require.NoError(t, nothingOf(v, stage), "%v", err)
				require.Equal(t, f.want, status.Code(v.do(t.Context(), d, stage, 0)), "again")
			}
			heal()
			require.NoError(t, v.settled(t.Context(), d, stage), "the retry")
			require.NoError(t, v.finish(t.Context(), d))
			uncover(t, d)
			require.NoError(t, joined(invariant.Leftovers(d.h.scope())))
		})
	}
}

// TestUndo_ToolsOfAnInlineVolume: a publish that stages by itself, and makes the
// volume before, takes all of it back after a final error.
func TestUndo_ToolsOfAnInlineVolume(t *testing.T) {
	for _, f := range toolFaults {
		if f.tool != "mkfs.ext4" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			d, _ := inProcess(t)
			pod := d.h.path("pods", "inline")
			require.NoError(t, os.Mkdir(pod, 0o700))
			id, target := "csi-"+d.h.newName(), filepath.Join(pod, "mount")
			capability := kindOf("ext4").capability()
			capability.AccessMode.Mode = csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER
			publish := func() error {
				_, err := d.node.NodePublishVolume(t.Context(), &csipb.NodePublishVolumeRequest{
					VolumeId: id, TargetPath: target, VolumeCapability: capability,
					VolumeContext: map[string]string{"csi.storage.k8s.io/ephemeral": "true", "size": "32Mi"},
				})
				return err
			}
			left := func() error {
				scope := d.h.scope()
				scope.Marker, scope.Dir, scope.Keep = "", pod, append(scope.Keep, pod, d.h.path("state", "private"))
				loops, err := invariant.Loops(d.h.path("pool"))
				require.NoError(t, err)
				require.Empty(t, loops)
				return joined(invariant.Leftovers(scope))
			}
			heal := f.install(t, d.h)
			err := publish()
			require.Equal(t, f.want, status.Code(err), "%v", err)
			if !mayFail(f.want) {
				require.NoError(t, left(), "%v", err)
			}
			heal()
			require.NoError(t, publish(), "the retry")
			require.NoError(t, os.WriteFile(filepath.Join(target, "file"), nil, 0o600))
			_, err = d.node.NodeUnpublishVolume(t.Context(), &csipb.NodeUnpublishVolumeRequest{VolumeId: id, TargetPath: target})
			require.NoError(t, err)
			require.NoError(t, left())
			require.NoError(t, os.Remove(pod))
			uncover(t, d)
		})
	}
}
