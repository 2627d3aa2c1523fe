package vm

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/mount"
)

// The labels of two pods. The kernel shows the second one, which is in the
// order that OpenShift writes, with its categories sorted.
const (
	labelA      = "system_u:object_r:container_file_t:s0:c1,c2"
	labelB      = "system_u:object_r:container_file_t:s0:c26,c5"
	labelBShown = "system_u:object_r:container_file_t:s0:c5,c26"
)

// flagged is the capability that the kubelet sends for a pod with a label, where
// the CSIDriver object has seLinuxMount: with NodeStageVolume and with
// NodePublishVolume, in quotes.
func flagged(fstype, label string) *csipb.VolumeCapability {
	c := capability(fstype)
	if label != "" {
		c.GetMount().MountFlags = []string{"noatime", `context="` + label + `"`}
	}
	return c
}

func (n *node) stageLabelled(id, fstype, label string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := n.NodeStageVolume(ctx, &csipb.NodeStageVolumeRequest{
			VolumeId: id, StagingTargetPath: n.staging(id), VolumeCapability: flagged(fstype, label), VolumeContext: volumeContext,
		})
		return err
	}
}

func (n *node) publishLabelled(id, target, fstype, label string) func(context.Context) error {
	return func(ctx context.Context) error {
		c := flagged(fstype, label)
		c.AccessMode.Mode = csipb.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER
		_, err := n.NodePublishVolume(ctx, &csipb.NodePublishVolumeRequest{
			VolumeId: id, StagingTargetPath: n.staging(id), TargetPath: target, VolumeCapability: c, VolumeContext: volumeContext,
		})
		return err
	}
}

func (n *node) unpublishAt(id, target string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := n.NodeUnpublishVolume(ctx, &csipb.NodeUnpublishVolumeRequest{VolumeId: id, TargetPath: target})
		return err
	}
}

// label is what SELinux has for a file.
func label(t *testing.T, path string) string {
	t.Helper()
	b := make([]byte, 256)
	size, err := unix.Lgetxattr(path, "security.selinux", b)
	require.NoError(t, err)
	return unix.ByteSliceToString(b[:size])
}

// nothingOf demands that a failed stage has left nothing of a volume.
func (n *node) nothingOf(id string, m *mapping) {
	n.Helper()
	_, err := mount.NewKernel().Find(n.staging(id))
	require.ErrorIs(n, err, mount.ErrNotMounted)
	require.NoError(n, exclusive(n, m))
	left, err := filepath.Glob(filepath.Join(n.dir, "state", "*", "*"))
	require.NoError(n, err)
	require.Empty(n, left)
}

// R16: the whole way of a pod with a label, and then of one with another. What
// the first one has written has the label of the second.
func TestR16_SELinuxPodsWithLabels(t *testing.T) {
	looptest.NeedSELinux(t, labelA)
	for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			n, m := newNode(t, "selinux"), newMapping(t, 400*mib)
			n.place("a", m.device())
			for _, pod := range []struct{ label, shown string }{{labelA, labelA}, {labelB, labelBShown}} {
				first, second := filepath.Join(n.dir, "first"), filepath.Join(n.dir, "second")
				n.must("stage", n.stageLabelled("a", fstype, pod.label))
				n.must("stage again", n.stageLabelled("a", fstype, pod.label))
				info, err := mount.NewKernel().Find(n.staging("a"))
				require.NoError(t, err)
				require.Empty(t, info.MissingContexts([]mount.Option{{Key: "context", Value: pod.label}}))
				for _, target := range []string{first, second} {
					n.must("publish", n.publishLabelled("a", target, fstype, pod.label))
					n.must("publish again", n.publishLabelled("a", target, fstype, pod.label))
					require.Equal(t, pod.shown, label(t, target))
				}
				if pod.label == labelB {
					n.saved(first, labelA)
					require.Equal(t, pod.shown, label(t, filepath.Join(first, "data")))
				}
				n.save(first, pod.label)
				require.Equal(t, pod.shown, label(t, filepath.Join(second, "data")))
				require.NoError(t, os.RemoveAll(filepath.Join(n.dir, "state")), "a new plugin that knows nothing")
				n.must("stage again", n.stageLabelled("a", fstype, pod.label))
				for _, target := range []string{first, second} {
					n.must("publish again", n.publishLabelled("a", target, fstype, pod.label))
					n.must("unpublish", n.unpublishAt("a", target))
				}
				n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
				n.nothingOf("a", m)
			}
		})
	}
}

// R16: one file system has one label. Another one is refused, with both in the
// answer, whether or not it is known what was staged; the pod goes on.
func TestR16_SELinuxAnotherLabelIsRefused(t *testing.T) {
	looptest.NeedSELinux(t, labelA)
	for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			n, m := newNode(t, "selinux"), newMapping(t, 400*mib)
			n.place("a", m.device())
			pod, other := filepath.Join(n.dir, "pod"), filepath.Join(n.dir, "other")
			n.must("stage", n.stageLabelled("a", fstype, labelB))
			n.must("publish", n.publishLabelled("a", pod, fstype, labelB))
			for _, forget := range []bool{false, true} {
				if forget {
					require.NoError(t, os.RemoveAll(filepath.Join(n.dir, "state")))
				}
				code, said := n.refusedWith("stage", n.stageLabelled("a", fstype, labelA))
				require.Equal(t, codes.AlreadyExists, code)
				require.Contains(t, said, labelA)
				require.Regexp(t, labelB+"|"+labelBShown, said)
				if forget {
					n.must("stage", n.stageLabelled("a", fstype, labelB))
				}
				code, said = n.refusedWith("publish", n.publishLabelled("a", other, fstype, labelA))
				require.Equal(t, codes.InvalidArgument, code)
				require.Contains(t, said, "context="+labelA+" (it is "+labelBShown+")")
				require.NoDirExists(t, other)
				n.save(pod, "goes on")
				require.Equal(t, labelBShown, label(t, filepath.Join(pod, "data")))
			}
			n.must("unpublish", n.unpublishAt("a", pod))
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			n.nothingOf("a", m)
		})
	}
}

// R16: a label that the policy does not know is the request's fault, and final:
// nothing is left, and the volume is as it was.
func TestR16_SELinuxALabelThatThePolicyDoesNotKnow(t *testing.T) {
	looptest.NeedSELinux(t, labelA)
	refusesLabel(t, "system_u:object_r:no_such_t:s0:c1,c2")
}

// R16: a node without SELinux does not stage in silence what was to be labelled.
func TestR16_ALabelWithoutSELinux(t *testing.T) {
	if _, err := os.Stat("/sys/fs/selinux"); err == nil {
		t.Skip("this kernel has SELinux")
	}
	refusesLabel(t, labelA)
}

func refusesLabel(t *testing.T, label string) {
	looptest.NeedRoot(t)
	for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			n, path := newNode(t, "selinux"), looptest.Device(t, 400*mib)
			n.place("a", csi.Device{Path: path, Anonymous: "a loop device of a test"})
			n.cycle("a", fstype)
			before, released := digest(t, path), n.released["a"]
			code, said := n.refusedWith("stage", n.stageLabelled("a", fstype, label))
			require.Equal(t, codes.InvalidArgument, code)
			require.Contains(t, said, "SELinux")
			require.Contains(t, said, label)
			require.Equal(t, before, digest(t, path))
			require.Equal(t, released+1, n.released["a"])
			_, err := mount.NewKernel().Find(n.staging("a"))
			require.ErrorIs(t, err, mount.ErrNotMounted)

			n.must("stage without it", n.stageLabelled("a", fstype, ""))
			code, _ = n.refusedWith("publish", n.publishLabelled("a", n.target("a"), fstype, label))
			require.Equal(t, codes.InvalidArgument, code)
			require.NoDirExists(t, n.target("a"))
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			left, err := filepath.Glob(filepath.Join(n.dir, "state", "*", "*"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}
