package mount

import (
	"testing"

	"github.com/stretchr/testify/require"
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
