package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A mount that mountinfo does not have is still a mount (R18): where details are
// read there, it is neither "not mounted" nor unmounted. The test's own thread
// sees another mountinfo, and nobody else.
func TestR18_AMountThatMountinfoLacks(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		if k.Only == nil {
			t.Skip("statmount needs no mountinfo")
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_, at := tree(t)
		require.Equal(t, "tmpfs", mustFind(t, k, at).Type)
		table := filepath.Join(t.TempDir(), "mountinfo")
		require.NoError(t, os.WriteFile(table, []byte("1 1 0:1 / / rw - tmpfs x rw\n"), 0o600))
		shown := fmt.Sprintf("/proc/self/task/%d/mountinfo", unix.Gettid())
		require.NoError(t, unix.Mount(table, shown, "", unix.MS_BIND, ""))
		t.Cleanup(func() { popAll(shown) })

		_, found := k.Find(at)
		unmounted := k.Unmount(t.Context(), at)
		mounted := k.Mount(t.Context(), Mount{Type: "tmpfs", Source: "x"}, at)
		_, other := k.Find(filepath.Dir(table))
		require.NoError(t, unix.Unmount(shown, 0))
		for _, err := range []error{found, unmounted, mounted} {
			require.ErrorContains(t, err, "mountinfo does not have it")
			require.NotErrorIs(t, err, ErrNotMounted)
		}
		require.ErrorIs(t, other, ErrNotMounted)
		require.Equal(t, 1, mustFind(t, k, at).Layers)
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}
