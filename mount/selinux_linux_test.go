package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// A node without SELinux must not mount in silence what was to be labelled. It
// is a fault of the request, whichever system call finds it.
func TestR16_ContextFailsLoudly(t *testing.T) {
	if _, err := os.Stat("/sys/fs/selinux"); err == nil {
		t.Skip("this node has SELinux")
	}
	each(t, func(t *testing.T, k *Kernel) { refusesContext(t, k, otherLabel) })
}

// refusesContext tries each file system with a context that the kernel takes
// nothing of.
func refusesContext(t *testing.T, k *Kernel, context string) {
	for _, fsType := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fsType, func(t *testing.T) {
			dev, at := device(t, fsType), target(t, looptest.Dir(t), "at")
			err := k.Mount(t.Context(), Mount{Type: fsType, Device: dev, Options: labelled(`"` + context + `"`)}, at)
			require.ErrorIs(t, err, ErrOption)
			require.ErrorContains(t, err, "SELinux")
			require.ErrorContains(t, err, context)
			notMounted(t, k, at)
			require.NoError(t, idle(dev))
		})
	}
}

// Only a btrfs that cannot take them otherwise gets its contexts by mount(2), which
// would share a file system that is alive.
func TestR16_ContextsByFsconfigWhereBtrfsTakesThem(t *testing.T) {
	looptest.NeedRoot(t)
	var u unix.Utsname
	require.NoError(t, unix.Uname(&u))
	var major, minor int
	_, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	require.NoError(t, err)
	require.True(t, knowsItsOptions("ext4"))
	require.Equal(t, major > 6 || major == 6 && minor >= 8, knowsItsOptions("btrfs"))
	require.Equal(t, !knowsItsOptions("btrfs"), Mount{Type: "btrfs", Options: labelled(podLabel)}.contextsByMount2())
	require.False(t, Mount{Type: "btrfs"}.contextsByMount2())
	require.False(t, Mount{Type: "ext4", Options: labelled(podLabel)}.contextsByMount2())
}

// What was mounted without the contexts asked for is taken away again.
func TestR16_MissingContextIsUndone(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		at := target(t, looptest.Dir(t), "at")
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "tmpfs", Source: "scratch"}, at))
		err := k.checkContexts(t.Context(), []Option{{Key: "context", Value: "u:r:t:s0"}}, at)
		require.ErrorIs(t, err, ErrOption)
		notMounted(t, k, at)
	})
}

// A bind mount has the context of its file system and no other.
func TestR16_BindWithAnotherContextIsUndone(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		dir := looptest.Dir(t)
		source, at := target(t, dir, "source"), target(t, dir, "at")
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "tmpfs", Source: "scratch"}, source))
		err := k.Bind(t.Context(), Binding{Source: source, Target: at, Options: []Option{{Key: "context", Value: "u:r:t:s0"}}})
		require.ErrorIs(t, err, ErrOption)
		require.ErrorContains(t, err, "context=u:r:t:s0")
		notMounted(t, k, at)
		require.NoError(t, k.Unmount(t.Context(), source))
	})
}

// Labels as the kubelet and OpenShift write them; the kernel shows the second
// one with its categories sorted.
const (
	otherLabel = "system_u:object_r:container_file_t:s0:c1,c2"
	podLabel   = "system_u:object_r:container_file_t:s0:c26,c5"
	podShown   = "system_u:object_r:container_file_t:s0:c5,c26"
)

func labelled(context string) []Option { return []Option{{Key: "context", Value: context}} }

// labelOf reads the label that SELinux has for a file.
func labelOf(t *testing.T, path string) string {
	b := make([]byte, 256)
	n, err := unix.Lgetxattr(path, "security.selinux", b)
	require.NoError(t, err)
	return unix.ByteSliceToString(b[:n])
}

// The context is that of the whole file system, whichever files are new, and
// not written to it.
func TestR16_SELinux_TheContextIsInEffect(t *testing.T) {
	looptest.NeedSELinux(t, podLabel)
	each(t, func(t *testing.T, k *Kernel) {
		for _, fsType := range []string{"ext4", "xfs", "btrfs"} {
			t.Run(fsType, func(t *testing.T) {
				dev, base := device(t, fsType), looptest.Dir(t)
				at, pod := target(t, base, "at"), target(t, base, "pod")
				old := filepath.Join(at, "old")
				for context, shown := range map[string]string{podLabel: podShown, `"` + podLabel + `"`: podShown, otherLabel: otherLabel, podLabel + ",c6,c7": "system_u:object_r:container_file_t:s0:c5.c7,c26"} {
					m := Mount{Type: fsType, Device: dev, Options: append(labelled(context), Option{Key: "noatime"})}
					require.NoError(t, k.Mount(t.Context(), m, at))
					require.NoError(t, os.WriteFile(old, []byte("x"), 0o600))
					require.Equal(t, []string{shown, shown}, []string{labelOf(t, at), labelOf(t, old)})
					info := mustFind(t, k, at)
					require.Contains(t, info.Flags, "noatime")
					require.Empty(t, info.MissingContexts(m.Options))
					b := Binding{Source: at, Target: pod, ReadOnly: true, Options: labelled(context)}
					require.NoError(t, k.Bind(t.Context(), b))
					require.Equal(t, shown, labelOf(t, filepath.Join(pod, "old")))
					require.NoError(t, k.Unmount(t.Context(), pod))
					require.NoError(t, k.Unmount(t.Context(), at))
				}
				require.NoError(t, k.Mount(t.Context(), Mount{Type: fsType, Device: dev}, at))
				require.NotContains(t, []string{podShown, otherLabel}, labelOf(t, at))
				require.NoError(t, k.Unmount(t.Context(), at))
				require.NoError(t, idle(dev))
			})
		}
	})
}

func TestR16_SELinux_AContextThatThePolicyDoesNotKnow(t *testing.T) {
	looptest.NeedSELinux(t, podLabel)
	for name, context := range map[string]string{"type": "system_u:object_r:no_such_t:s0:c1,c2", "category": podLabel + ",c4095", "shape": "container_file_t"} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k *Kernel) { refusesContext(t, k, context) })
		})
	}
}

// A file system that lives has its context, whoever asks for another one.
func TestR16_SELinux_OneContextForAllMounts(t *testing.T) {
	looptest.NeedSELinux(t, podLabel)
	each(t, func(t *testing.T, k *Kernel) {
		for _, fsType := range []string{"ext4", "xfs", "btrfs"} {
			t.Run(fsType, func(t *testing.T) {
				dev, base := device(t, fsType), looptest.Dir(t)
				at, other := target(t, base, "at"), target(t, base, "other")
				require.NoError(t, k.Mount(t.Context(), Mount{Type: fsType, Device: dev, Options: labelled(podLabel)}, at))
				for _, context := range [][]Option{labelled(otherLabel), nil} {
					require.ErrorIs(t, k.Mount(t.Context(), Mount{Type: fsType, Device: dev, Options: context}, other), ErrBusy)
					notMounted(t, k, other)
				}
				err := k.Bind(t.Context(), Binding{Source: at, Target: other, Options: labelled(otherLabel)})
				require.ErrorIs(t, err, ErrOption)
				require.ErrorContains(t, err, "context="+otherLabel+" (it is "+podShown+")")
				notMounted(t, k, other)
				require.NoError(t, k.Bind(t.Context(), Binding{Source: at, Target: other, Options: labelled(podShown)}))
				require.Equal(t, podShown, labelOf(t, other))
				require.NoError(t, k.Unmount(t.Context(), other))
				require.NoError(t, k.Unmount(t.Context(), at))
			})
		}
	})
}

// mount(8) drops contexts without a word where it finds no SELinux, as in a
// container that lacks /sys/fs/selinux or /etc/selinux/config.
func TestR16_SELinux_AContextThatMount8Drops(t *testing.T) {
	looptest.NeedSELinux(t, podLabel)
	if _, err := os.Stat("/etc/selinux/config"); err == nil {
		t.Skip("this node is set up for SELinux, so that mount(8) sees it")
	}
	each(t, func(t *testing.T, k *Kernel) {
		base := looptest.Dir(t)
		at := target(t, base, "at")
		m := Mount{Type: "overlay", Source: "share", Options: []Option{
			{Key: "lowerdir", Value: target(t, base, "lower")}, {Key: "upperdir", Value: target(t, base, "upper")}, {Key: "workdir", Value: target(t, base, "work")},
		}}
		require.NoError(t, k.Mount(t.Context(), m, at))
		require.NoError(t, k.Unmount(t.Context(), at))
		m.Options = append(m.Options, labelled(podLabel)...)
		err := k.Mount(t.Context(), m, at)
		require.ErrorIs(t, err, ErrOption)
		require.ErrorContains(t, err, "context="+podLabel+" is not in effect")
		notMounted(t, k, at)
		if os.Getenv("CSIKIT_VM_SELINUX") == "" {
			return // a machine that is not ours to set up
		}
		require.NoError(t, os.MkdirAll("/etc/selinux", 0o755))
		defer func() { require.NoError(t, os.Remove("/etc/selinux/config")) }()
		require.NoError(t, os.WriteFile("/etc/selinux/config", []byte("SELINUX=permissive\nSELINUXTYPE=csikit\n"), 0o600))
		require.NoError(t, k.Mount(t.Context(), m, at))
		require.Equal(t, podShown, labelOf(t, at))
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}
