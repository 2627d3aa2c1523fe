package mount

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

func TestR5_ReadOnlyBind(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		at := target(t, base, "pod")
		b := Binding{Source: source, Target: at, ReadOnly: true, Options: []Option{{Key: "nosuid"}, {Key: "noexec"}, {Key: "noatime"}, {Key: "data", Value: "ordered"}}}
		require.NoError(t, k.Bind(t.Context(), b))
		info := mustFind(t, k, at)
		require.True(t, info.ReadOnly)
		require.False(t, info.SuperReadOnly)
		require.Equal(t, []string{"nosuid", "noexec", "noatime"}, info.Flags)
		require.ErrorIs(t, os.WriteFile(filepath.Join(at, "new"), nil, 0o600), unix.EROFS)
		require.NoError(t, os.WriteFile(filepath.Join(source, "new"), nil, 0o600), "the source stays writable")
		require.ErrorIs(t, k.Bind(t.Context(), b), ErrMounted)
		require.Equal(t, 1, mustFind(t, k, at).Layers)
		require.NoError(t, k.Unmount(t.Context(), at))
		notMounted(t, k, at)
	})
}

// TestOthers: the same directory, or the same node, at another place.
func TestOthers(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		first, second, inside := target(t, base, "first"), target(t, base, "second"), target(t, base, "inside")
		require.NoError(t, os.Mkdir(source+"/dir", 0o755))
		bind := func(source, at string) { require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: at})) }
		bind(source, first)
		bind(source+"/dir", inside)
		others := func(at string) []string {
			found, err := k.Others(mustFind(t, k, at))
			require.NoError(t, err)
			return found
		}
		require.Equal(t, []string{source}, others(first))
		require.Equal(t, []string{first}, others(source))
		bind(first, second)
		require.Equal(t, []string{source, second}, others(first))
		require.Empty(t, others(inside), "another directory of the file system")

		node, copied := filepath.Join(base, "node"), filepath.Join(base, "copied")
		dev := device(t, "ext4")
		for _, at := range []string{node, copied} {
			require.NoError(t, MakeFile(at))
			t.Cleanup(func() { popAll(at) })
			bind(fdPath(int(dev.Fd())), at)
		}
		require.Contains(t, others(node), copied)
		for _, at := range []string{first, second, inside, node, copied} {
			require.NoError(t, k.Unmount(t.Context(), at))
		}
	})
}

// An attribute of the source's mount is not lost by binding it.
func TestBind_KeepsAttributesOfTheSource(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		first, second := target(t, base, "first"), target(t, base, "second")
		require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: first, Options: []Option{{Key: "nodev"}, {Key: "noatime"}}}))
		require.NoError(t, k.Bind(t.Context(), Binding{Source: first, Target: second, Options: []Option{{Key: "noexec"}}}))
		require.Equal(t, []string{"nodev", "noexec", "noatime"}, mustFind(t, k, second).Flags)
		require.NoError(t, k.Unmount(t.Context(), first))
		require.NoError(t, k.Unmount(t.Context(), second))
	})
}

// TestBind_Writable: from a read-only mount, if the file system is not.
func TestBind_Writable(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		first, second := target(t, base, "first"), target(t, base, "second")
		require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: first, ReadOnly: true, Options: []Option{{Key: "nodev"}}}))
		for _, b := range []Binding{{}, {Writable: true}, {Writable: true, ReadOnly: true}} {
			b.Source, b.Target = first, second
			require.NoError(t, k.Bind(t.Context(), b))
			require.Equal(t, b.ReadOnly || !b.Writable, mustFind(t, k, second).ReadOnly)
			require.Equal(t, []string{"nodev"}, mustFind(t, k, second).Flags)
			require.True(t, mustFind(t, k, first).ReadOnly)
			require.NoError(t, k.Unmount(t.Context(), second))
		}
		require.NoError(t, k.Unmount(t.Context(), first))
	})
}

func TestBind_SubdirectoryIsTheRoot(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		require.NoError(t, os.Mkdir(filepath.Join(source, "a b"), 0o700))
		at := target(t, base, `pod \ x`)
		require.NoError(t, k.Bind(t.Context(), Binding{Source: filepath.Join(source, "a b"), Target: at}))
		require.Equal(t, "/a b", mustFind(t, k, at).Root)
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

// Mounts below the source are not taken along.
func TestBind_IsNotRecursive(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		below, at := target(t, source, "below"), target(t, base, "pod")
		require.NoError(t, unix.Mount("tmpfs", below, "tmpfs", 0, "size=1m"))
		require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: at}))
		notMounted(t, k, filepath.Join(at, "below"))
		require.NoError(t, k.Unmount(t.Context(), at))
		require.NoError(t, k.Unmount(t.Context(), below))
	})
}

// A device node is bound by its open descriptor, so that another device that
// took its name meanwhile is not bound.
func TestR17_DeviceNode(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		dev := open(t, looptest.Device(t, 1<<20))
		at := filepath.Join(looptest.Dir(t), "block")
		require.NoError(t, MakeFile(at))
		t.Cleanup(func() { popAll(at) })
		b := Binding{Source: fdPath(int(dev.Fd())), Target: at, ReadOnly: true}
		require.NoError(t, k.Bind(t.Context(), b))
		number, err := deviceNumber(dev)
		require.NoError(t, err)
		info := mustFind(t, k, at)
		require.Equal(t, number, info.Rdev)
		require.True(t, info.ReadOnly)
		require.NoError(t, MakeFile(at), "again, over the bound node")
		require.ErrorIs(t, Remove(at), ErrMounted)
		require.NoError(t, k.Unmount(t.Context(), at))
		require.Zero(t, func() int64 { st, _ := os.Stat(at); return st.Size() }())
		require.NoError(t, Remove(at))
	})
}

func TestBind_Refuses(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		at, file := target(t, base, "pod"), filepath.Join(base, "file")
		require.NoError(t, MakeFile(file))
		require.NoError(t, os.Symlink(source, filepath.Join(base, "link")))
		require.Error(t, k.Bind(t.Context(), Binding{Source: filepath.Join(base, "link"), Target: at}), "a symbolic link")
		require.ErrorIs(t, k.Bind(t.Context(), Binding{Source: source, Target: file}), unix.ENOTDIR)
		require.ErrorIs(t, k.Bind(t.Context(), Binding{Source: filepath.Join(source, "file"), Target: at}), unix.ENOTDIR)
		require.ErrorIs(t, k.Bind(t.Context(), Binding{Source: filepath.Join(base, "none"), Target: at}), unix.ENOENT)
		require.ErrorIs(t, k.Bind(t.Context(), Binding{Source: source, Target: at, Options: []Option{{Key: "a,b"}}}), ErrOption)
		notMounted(t, k, at)
	})
}

// Ten callers race for one target; the rules say they must not, and still one
// mount is all there ever is.
func TestR4_NeverStacks(t *testing.T) {
	looptest.NeedRoot(t)
	k := NewKernel()
	if !k.Features().Statmount {
		t.Skip("only statmount tells that another process was faster")
	}
	base, source := tree(t)
	at := target(t, base, "pod")
	for range 50 {
		var wg sync.WaitGroup
		var won atomic.Int32
		for range 10 {
			wg.Go(func() {
				if err := k.Bind(t.Context(), Binding{Source: source, Target: at}); err == nil {
					won.Add(1)
				} else if !errors.Is(err, ErrMounted) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, won.Load())
		require.Equal(t, 1, mustFind(t, k, at).Layers)
		require.NoError(t, k.Unmount(t.Context(), at))
	}
}

// A process that binds read-only again and again is killed at a random moment,
// 100 times: the target is never writable (R5), and the next attempt succeeds.
func TestR5_ReadOnlyBindIsAtomicUnderKill(t *testing.T) {
	if at := os.Getenv("MOUNT_TEST_TARGET"); at != "" {
		bindForEver(t, at)
	}
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		at := target(t, base, "pod")
		rounds, mounted := 100, 0
		if testing.Short() || k.Only != nil && k.Only.NewMount { // the latter binds as the newest does
			rounds = 20
		}
		for i := range rounds {
			child := exec.Command(os.Args[0], "-test.run=^TestR5_ReadOnlyBindIsAtomicUnderKill$")
			child.Env = append(os.Environ(), "MOUNT_TEST_TARGET="+at, "MOUNT_TEST_SOURCE="+source, "MOUNT_TEST_HIDDEN="+k.hidden)
			out, err := child.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, child.Start())
			_, err = out.Read(make([]byte, 1)) // it has begun
			require.NoError(t, err)
			time.Sleep(time.Duration(i%40) * 50 * time.Microsecond) // the random moment
			require.NoError(t, child.Process.Signal(syscall.SIGKILL))
			_ = child.Wait()
			k := &Kernel{Only: k.Only, hidden: k.hidden} // as in a new process
			if info, err := k.Find(at); err == nil {
				mounted++
				require.True(t, info.ReadOnly, "round %d", i)
				require.Equal(t, 1, info.Layers)
			}
			require.NoError(t, k.Unmount(t.Context(), at))
			require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: at, ReadOnly: true}))
			require.NoError(t, k.Unmount(t.Context(), at))
		}
		t.Logf("%d of %d kills left a mount, all of them read-only", mounted, rounds)
	})
}

// bindForEver runs in the child.
func bindForEver(t *testing.T, at string) {
	hidden := os.Getenv("MOUNT_TEST_HIDDEN")
	k := NewKernel()
	if hidden != "" {
		k = &Kernel{Only: &Features{}, hidden: hidden}
	}
	fmt.Print("x")
	for {
		require.NoError(t, k.Bind(t.Context(), Binding{Source: os.Getenv("MOUNT_TEST_SOURCE"), Target: at, ReadOnly: true}))
		require.NoError(t, k.Unmount(t.Context(), at))
	}
}

func TestMount_TypeBind(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		at := target(t, base, "staging")
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "bind", Source: source, ReadOnly: true}, at))
		require.True(t, mustFind(t, k, at).ReadOnly)
		require.True(t, strings.HasPrefix(mustFind(t, k, at).Type, "tmpfs"))
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

// The kubelet's directory is shared, so that mounts reach the pods.
func TestBind_IntoAndOutOfSharedMounts(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		kubelet := target(t, base, "kubelet")
		require.NoError(t, unix.Mount("tmpfs", kubelet, "tmpfs", 0, "size=1m"))
		for _, path := range []string{source, kubelet} {
			require.NoError(t, unix.Mount("", path, "", unix.MS_SHARED, ""))
		}
		pod, staging := target(t, kubelet, "pod"), target(t, kubelet, "staging")
		require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: pod, ReadOnly: true}))
		dev := device(t, "ext4")
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: dev}, staging))
		require.Equal(t, 1, mustFind(t, k, pod).Layers)
		for _, path := range []string{pod, staging} {
			shared, err := k.Shared(path)
			require.NoError(t, err)
			require.True(t, shared, "mounts in %s must reach the pods", path)
			require.NoError(t, k.Unmount(t.Context(), path))
		}
		require.NoError(t, idle(dev))
	})
}

// A directory that is shared and bound to itself, as distributions do with the
// kubelet's, gets each mount twice: once where it shows and once below. The
// one below is no layer, and not what is looked at.
func TestR4_PropagatedTwinIsNoLayer(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		kubelet := target(t, base, "kubelet")
		require.NoError(t, unix.Mount("tmpfs", kubelet, "tmpfs", 0, "size=1m"))
		require.NoError(t, unix.Mount("", kubelet, "", unix.MS_SHARED, ""))
		pod := filepath.Join(kubelet, "pod")
		require.NoError(t, MakeDir(pod))
		require.NoError(t, unix.Mount(kubelet, kubelet, "", unix.MS_BIND, ""))
		require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: pod, ReadOnly: true}))
		lines := 0
		require.NoError(t, scanMountinfo(func(r record) bool {
			if r.point == pod {
				lines++
			}
			return true
		}))
		require.Equal(t, 2, lines, "or this test proves nothing")
		require.Equal(t, 1, mustFind(t, k, pod).Layers)
		require.NoError(t, unix.Mount("tmpfs", pod, "tmpfs", 0, "size=1m"))
		info := mustFind(t, k, pod)
		require.Equal(t, 2, info.Layers)
		require.False(t, info.ReadOnly, "the topmost is what is told")
		require.NoError(t, k.Unmount(t.Context(), pod))
		notMounted(t, k, pod)
		require.NoError(t, k.Unmount(t.Context(), kubelet))
	})
}

func TestR4_LacksNamesWhatIsNotInEffect(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		at := target(t, base, "pod")
		asked := []Option{{Key: "nosuid"}, {Key: "noatime"}, {Key: "nodev"}, {Key: "dev"}, {Key: "ro"}, {Key: "data", Value: "ordered"}, {Key: "defaults"}}
		require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: at, Options: asked}))
		require.Empty(t, mustFind(t, k, at).Lacks(asked))
		require.Equal(t, []string{"noexec"}, mustFind(t, k, at).Lacks([]Option{{Key: "noexec"}}))
		require.Equal(t, []string{"suid"}, mustFind(t, k, at).Lacks([]Option{{Key: "suid"}}))
		require.NoError(t, unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RELATIME, ""))
		require.Equal(t, []string{"nosuid", "noatime"}, mustFind(t, k, at).Lacks(asked))
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}
