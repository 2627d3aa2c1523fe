package namelock_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/namelock"
)

// What the operations of one process hold together is held until the last one
// lets go.
func TestKept_SharesUntilTheLastUnlock(t *testing.T) {
	f := newFile(t)
	k := f.Keep()
	defer k.Close()
	one, err := k.TryLock("a", namelock.Shared)
	require.NoError(t, err)
	two, err := k.TryLock("a", namelock.Shared)
	require.NoError(t, err)
	one()
	one() // nothing
	for _, other := range []locker{f, f.Keep(), k} {
		_, err = other.TryLock("a", namelock.Exclusive)
		require.ErrorIs(t, err, namelock.ErrLocked)
		shared, err := other.TryLock("a", namelock.Shared)
		require.NoError(t, err)
		shared()
	}
	two()
	alone, err := f.TryLock("a", namelock.Exclusive)
	require.NoError(t, err)
	for _, m := range []namelock.Mode{namelock.Exclusive, namelock.Shared} {
		_, err = k.TryLock("a", m)
		require.ErrorIs(t, err, namelock.ErrLocked)
	}
	alone()
}

// Others lock the file that the path names, so a lock must be of that one; and
// what is held of an earlier one stays held.
func TestKept_FollowsThePath(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, path string){
		"deleted": func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
		"replaced": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path+"2", nil, 0o600))
			require.NoError(t, os.Rename(path+"2", path))
		},
		"directory moved": func(t *testing.T, path string) {
			dir := filepath.Dir(path)
			require.NoError(t, os.Rename(dir, dir+"2"))
			require.NoError(t, os.Mkdir(dir, 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFile(t)
			dir := filepath.Join(filepath.Dir(string(f)), "state")
			require.NoError(t, os.Mkdir(dir, 0o700))
			f = namelock.File(filepath.Join(dir, "lock"))
			k := f.Keep()
			defer k.Close()
			before, err := k.TryLock("a", namelock.Exclusive)
			require.NoError(t, err)
			replace(t, string(f))
			after, err := k.TryLock("b", namelock.Exclusive)
			require.NoError(t, err)
			_, err = f.TryLock("b", namelock.Exclusive)
			require.ErrorIs(t, err, namelock.ErrLocked)
			before()
			_, err = f.TryLock("b", namelock.Exclusive)
			require.ErrorIs(t, err, namelock.ErrLocked)
			after()
			again, err := f.TryLock("b", namelock.Exclusive)
			require.NoError(t, err)
			again()
		})
	}
}

func TestKept_OpensAgainAfterClose(t *testing.T) {
	f := newFile(t)
	k := f.Keep()
	require.NoError(t, k.Open())
	unlock, err := k.TryLock("a", namelock.Exclusive)
	require.NoError(t, err)
	k.Close()
	_, err = f.TryLock("a", namelock.Exclusive)
	require.ErrorIs(t, err, namelock.ErrLocked, "what is locked stays so")
	unlock()
	unlock, err = k.TryLock("a", namelock.Exclusive)
	require.NoError(t, err)
	unlock()
	k.Close()
	k.Close()
}
