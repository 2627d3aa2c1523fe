package mount

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// The option ro is as good as the field; rw takes nothing back.
func TestR5_TheOptionRO(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		at := target(t, base, "at")
		for _, options := range [][]Option{{{Key: "ro"}}, {{Key: "ro"}, {Key: "rw"}}} {
			require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: at, Options: options}))
			require.True(t, mustFind(t, k, at).ReadOnly)
			require.NoError(t, k.Unmount(t.Context(), at))
			require.NoError(t, k.Mount(t.Context(), Mount{Type: "tmpfs", Source: "x", Options: options}, at))
			require.True(t, mustFind(t, k, at).SuperReadOnly)
			require.NoError(t, k.Unmount(t.Context(), at))
		}
	})
}

// On most nodes / and /run are shared: what is built out of sight there must
// still be movable, and not be seen by others.
func TestR5_TheHiddenPlaceIsInASharedMount(t *testing.T) {
	looptest.NeedRoot(t)
	base, source := tree(t)
	run, peer, at := target(t, base, "run"), target(t, base, "peer"), target(t, base, "at")
	require.NoError(t, unix.Mount("tmpfs", run, "tmpfs", 0, "size=1m"))
	require.NoError(t, unix.Mount("", run, "", unix.MS_SHARED, ""))
	require.NoError(t, unix.Mount(run, peer, "", unix.MS_BIND, ""))
	k := &Kernel{Only: &Features{}, hidden: run + "/hidden"}
	require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: at, ReadOnly: true}))
	require.True(t, mustFind(t, k, at).ReadOnly)
	require.NoError(t, k.Unmount(t.Context(), at))
	require.NoError(t, k.Mount(t.Context(), Mount{Type: "tmpfs", Source: "x"}, at))
	require.NoError(t, k.Unmount(t.Context(), at))
	left, err := os.ReadDir(peer + "/hidden")
	require.NoError(t, err)
	require.Empty(t, left)
}
