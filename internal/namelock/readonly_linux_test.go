package namelock_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/internal/namelock"
)

// readOnly is a lock file by a path by which it can be written, and by one by
// which it cannot.
func readOnly(t *testing.T) (writable, fixed namelock.File) {
	looptest.NeedRoot(t)
	dir, at := looptest.Dir(t), looptest.Dir(t)
	require.NoError(t, unix.Mount(dir, at, "", unix.MS_BIND, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(at, 0)) })
	require.NoError(t, unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	return namelock.File(filepath.Join(dir, "lock")), namelock.File(filepath.Join(at, "lock"))
}

func TestReadOnly_NothingIsMade(t *testing.T) {
	writable, fixed := readOnly(t)
	_, err := fixed.TryLock("a", namelock.Exclusive)
	require.ErrorIs(t, err, syscall.EROFS)
	require.NoFileExists(t, string(writable))
}

// A process that can write the lock file and one that cannot exclude each other
// as any two do, whoever comes first.
func TestReadOnly_ExcludesAndShares(t *testing.T) {
	writable, fixed := readOnly(t)
	made, err := writable.Open()
	require.NoError(t, err)
	require.NoError(t, made.Close())
	keep := func(f namelock.File) locker {
		k := f.Keep()
		t.Cleanup(k.Close)
		return k
	}
	pairs := map[string][2]locker{
		"writable, read-only": {writable, fixed}, "read-only, writable": {fixed, writable}, "both read-only": {fixed, fixed},
		"kept": {keep(writable), keep(fixed)}, "kept, read-only first": {keep(fixed), keep(writable)}, "one kept": {keep(fixed), fixed},
	}
	for name, pair := range pairs {
		for _, modes := range [][2]namelock.Mode{{namelock.Exclusive, namelock.Exclusive}, {namelock.Exclusive, namelock.Shared}, {namelock.Shared, namelock.Exclusive}, {namelock.Shared, namelock.Shared}} {
			t.Run(fmt.Sprint(name, modes), func(t *testing.T) {
				first, err := pair[0].TryLock("a", modes[0])
				require.NoError(t, err)
				other, err := pair[1].TryLock("b", namelock.Exclusive)
				require.NoError(t, err, "another name is free")
				other()
				for range 2 {
					second, err := pair[1].TryLock("a", modes[1])
					if modes == [2]namelock.Mode{namelock.Shared, namelock.Shared} {
						require.NoError(t, err)
						second()
					} else {
						require.ErrorIs(t, err, namelock.ErrLocked)
					}
				}
				first()
				again, err := pair[0].TryLock("a", namelock.Exclusive)
				require.NoError(t, err, "what was refused has left nothing behind")
				again()
				second, err := pair[1].TryLock("a", modes[1])
				require.NoError(t, err)
				second()
			})
		}
	}
}

// TestReadOnly_NeverTwoInside: neither side overlooks the other where both come
// at once, and each gets its turn.
func TestReadOnly_NeverTwoInside(t *testing.T) {
	writable, fixed := readOnly(t)
	made, err := writable.Open()
	require.NoError(t, err)
	require.NoError(t, made.Close())
	var in inside
	var g errgroup.Group
	for _, f := range []namelock.File{writable, fixed} {
		for _, m := range []namelock.Mode{namelock.Shared, namelock.Exclusive, namelock.Shared} {
			g.Go(func() error {
				for range 500 {
					unlock, err := f.TryLock("a", m)
					for errors.Is(err, namelock.ErrLocked) {
						unlock, err = f.TryLock("a", m)
					}
					if err == nil {
						err = in.pass(m)
					}
					if err != nil {
						return err
					}
					unlock()
				}
				return nil
			})
		}
	}
	require.NoError(t, g.Wait())
}

// inside counts who holds the lock.
type inside struct{ sharing, alone atomic.Int32 }

func (in *inside) pass(m namelock.Mode) error {
	mine, others := &in.alone, &in.sharing
	if m == namelock.Shared {
		mine, others = others, mine
	}
	n := mine.Add(1)
	defer mine.Add(-1)
	if others.Load() > 0 || m == namelock.Exclusive && n > 1 {
		return errors.New("one who should be alone is not")
	}
	return nil
}
