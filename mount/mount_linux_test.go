package mount

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

func TestMount_EachFileSystem(t *testing.T) {
	for _, fsType := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fsType, func(t *testing.T) {
			each(t, func(t *testing.T, k *Kernel) {
				dev, at := device(t, fsType), target(t, looptest.Dir(t), "staging dir")
				m := Mount{Type: fsType, Device: dev, Options: []Option{{Key: "noatime"}, {Key: "nodev"}, {Key: "discard"}, {Key: "_netdev"}}}
				require.NoError(t, k.Mount(t.Context(), m, at))
				info := mustFind(t, k, at)
				require.Equal(t, fsType, info.Type)
				require.Equal(t, dev.Name(), info.Source)
				require.Equal(t, "/", info.Root)
				require.Equal(t, []string{"nodev", "noatime"}, info.Flags)
				require.Equal(t, 1, info.Layers)
				require.False(t, info.ReadOnly)
				if number, _ := deviceNumber(dev); fsType != "btrfs" {
					require.Equal(t, number, info.Device)
				}
				require.NoError(t, os.WriteFile(filepath.Join(at, "f"), []byte("x"), 0o600))
				require.ErrorIs(t, k.Mount(t.Context(), m, at), ErrMounted)
				require.Equal(t, 1, mustFind(t, k, at).Layers)
				require.NoError(t, k.Unmount(t.Context(), at))
				notMounted(t, k, at)
				require.NoError(t, idle(dev))

				m.ReadOnly = true
				require.NoError(t, k.Mount(t.Context(), m, at))
				info = mustFind(t, k, at)
				require.True(t, info.ReadOnly)
				require.True(t, info.SuperReadOnly)
				require.NoError(t, k.Unmount(t.Context(), at))
				require.NoError(t, k.Unmount(t.Context(), at), "twice")
			})
		})
	}
}

// The kernel is made to look up the wrong device, as if names had changed
// between two steps: nothing of it shows at the target.
func TestR3_WrongDeviceIsNeverVisible(t *testing.T) {
	for _, fsType := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fsType, func(t *testing.T) {
			each(t, func(t *testing.T, k *Kernel) {
				right, wrong := device(t, fsType), device(t, fsType)
				at := target(t, looptest.Dir(t), "at")
				m := Mount{Type: fsType, Device: right}
				plan, err := m.plan()
				require.NoError(t, err)
				plan.source = wrong.Name()
				p, err := k.openPlace(at)
				require.NoError(t, err)
				defer p.close()
				do := k.mountOld
				if k.Features().NewMount {
					do = k.mountNew
				}
				require.ErrorIs(t, do(t.Context(), m, plan, p), ErrWrongDevice)
				notMounted(t, k, at)
				require.NoError(t, idle(wrong))
				require.NoError(t, idle(right))
			})
		})
	}
}

// The path of the device is re-pointed after it was opened (R2): the mount is
// of what is open.
func TestR2_TheOpenDeviceIsMounted(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		right, wrong, base := device(t, "ext4"), device(t, "ext4"), looptest.Dir(t)
		at, link := target(t, base, "at"), filepath.Join(base, "by-id")
		require.NoError(t, os.Symlink(right.Name(), link))
		dev := open(t, link)
		require.NoError(t, os.Remove(link))
		require.NoError(t, os.Symlink(wrong.Name(), link))
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: dev}, at))
		number, err := deviceNumber(right)
		require.NoError(t, err)
		require.Equal(t, number, mustFind(t, k, at).Device)
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

// In a container /dev may lack the node: then the descriptor is the source.
func TestR2_DescriptorAsSource(t *testing.T) {
	for _, fsType := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fsType, func(t *testing.T) {
			each(t, func(t *testing.T, k *Kernel) {
				dev, at := device(t, fsType), target(t, looptest.Dir(t), "at")
				m := Mount{Type: fsType, Device: dev}
				plan, err := m.plan()
				require.NoError(t, err)
				plan.source = fdPath(int(dev.Fd()))
				p, err := k.openPlace(at)
				require.NoError(t, err)
				defer p.close()
				do := k.mountOld
				if k.Features().NewMount {
					do = k.mountNew
				}
				require.NoError(t, do(t.Context(), m, plan, p))
				require.NoError(t, k.Unmount(t.Context(), at))
			})
		})
	}
}

// Two file systems with one UUID: whatever the kernel makes of it, the device
// mounted is the one given, or nothing is mounted (R12).
func TestR12_CloneMountsBesideItsOrigin(t *testing.T) {
	for _, fsType := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fsType, func(t *testing.T) {
			each(t, func(t *testing.T, k *Kernel) {
				origin := image(t, fsType)
				clone := looptest.Image(t, sizes[fsType])
				out, err := exec.Command("cp", "--sparse=always", origin, clone).CombinedOutput()
				require.NoError(t, err, "%s", out)
				base := looptest.Dir(t)
				for name, img := range map[string]string{"origin": origin, "clone": clone} {
					dev, at := open(t, looptest.Attach(t, img)), target(t, base, name)
					err := k.Mount(t.Context(), Mount{Type: fsType, Device: dev}, at)
					if errors.Is(err, ErrSameUUID) { // btrfs on Linux 6.1
						require.Equal(t, "btrfs", fsType)
						notMounted(t, k, at)
						require.NoError(t, idle(dev))
						continue
					}
					require.NoError(t, err)
					require.Equal(t, dev.Name(), mustFind(t, k, at).Source)
					fd, err := unix.Open(at, unix.O_PATH, 0)
					require.NoError(t, err)
					number, err := deviceNumber(dev)
					require.NoError(t, err)
					require.NoError(t, sameDevice(fd, fsType, number))
					require.NoError(t, unix.Close(fd))
				}
				for _, name := range []string{"origin", "clone"} {
					require.NoError(t, k.Unmount(t.Context(), filepath.Join(base, name)))
				}
			})
		})
	}
}

// A superblock that is alive elsewhere is not shared in silence.
func TestR3_LiveSuperblockIsBusy(t *testing.T) {
	for _, fsType := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fsType, func(t *testing.T) {
			each(t, func(t *testing.T, k *Kernel) {
				dev, base := device(t, fsType), looptest.Dir(t)
				first, second := target(t, base, "first"), target(t, base, "second")
				require.NoError(t, k.Mount(t.Context(), Mount{Type: fsType, Device: dev}, first))
				err := k.Mount(t.Context(), Mount{Type: fsType, Device: dev, ReadOnly: true}, second)
				require.ErrorIs(t, err, ErrBusy)
				require.ErrorContains(t, err, "mounted somewhere else")
				notMounted(t, k, second)
				require.NoError(t, k.Unmount(t.Context(), first))
			})
		})
	}
}

func TestMount_SaysWhy(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		dev, base := device(t, "ext4"), looptest.Dir(t)
		at := target(t, base, "at")
		err := k.Mount(t.Context(), Mount{Type: "xfs", Device: dev}, at)
		require.ErrorContains(t, err, dev.Name())
		require.ErrorContains(t, err, at)
		err = k.Mount(t.Context(), Mount{Type: "nosuchfs", Device: dev}, at)
		require.ErrorIs(t, err, unix.ENODEV)
		file, err := os.Create(filepath.Join(base, "file"))
		require.NoError(t, err)
		require.ErrorIs(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: file}, at), ErrWrongDevice)
		require.NoError(t, file.Close())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, k.Mount(ctx, Mount{Type: "ext4", Device: dev}, at), context.Canceled)
		require.Error(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: dev}, file.Name()), "on a file")
		require.NoError(t, os.Symlink(at, filepath.Join(base, "link")))
		require.Error(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: dev}, filepath.Join(base, "link")), "through a symbolic link")
		require.Error(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: dev}, filepath.Join(base, "missing")))
		notMounted(t, k, at)
		require.NoError(t, idle(dev))
	})
}

// A value reaches the kernel as it is; it cannot add an option.
func TestR15_OptionsAreData(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		dev, at := device(t, "ext4"), target(t, looptest.Dir(t), "at")
		for _, o := range []Option{
			{Key: "data", Value: "ordered,ro"}, {Key: "ro,noexec"}, {Key: "nodev\x00ro"}, {Key: "-o"},
			{Key: ""}, {Key: "data=journal"}, {Key: "data", Value: "ordered\nro"}, {Key: "nosuchoption"},
		} {
			err := k.Mount(t.Context(), Mount{Type: "ext4", Device: dev, Options: []Option{o}}, at)
			require.Error(t, err, "%q", o)
			notMounted(t, k, at)
		}
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: dev, Options: []Option{{Key: "commit", Value: "7"}}}, at))
		require.Contains(t, mustFind(t, k, at).Options, "commit=7")
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

// fsconfig takes a comma inside a value, which a comma string cannot hold.
func TestR15_ValuesMayHoldCommas(t *testing.T) {
	looptest.NeedRoot(t)
	k, at := NewKernel(), target(t, looptest.Dir(t), "at")
	m := Mount{Type: "tmpfs", Source: "scratch", Options: []Option{{Key: "size", Value: "1m"}, {Key: "mpol", Value: "interleave:0,0"}}}
	err := k.Mount(t.Context(), m, at)
	if err != nil { // a kernel without NUMA refuses the option, not the comma
		require.ErrorContains(t, err, "mpol=interleave:0,0")
		return
	}
	require.NoError(t, k.Unmount(t.Context(), at))
}

func TestMount_Tmpfs(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		at := target(t, looptest.Dir(t), "at")
		m := Mount{Type: "tmpfs", Source: "scratch disk", Options: []Option{{Key: "size", Value: "64k"}, {Key: "mode", Value: "0700"}}}
		require.NoError(t, k.Mount(t.Context(), m, at))
		info := mustFind(t, k, at)
		require.Equal(t, "scratch disk", info.Source)
		require.Contains(t, info.Options, "size=64k")
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}
