package marker_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/marker"
)

func TestMake_OnceAndOnlyWhereADirectoryIs(t *testing.T) {
	dir := t.TempDir()
	require.ErrorIs(t, marker.Check(dir), os.ErrNotExist)
	require.NoError(t, marker.Make(dir))
	require.NoError(t, marker.Check(dir))
	file := filepath.Join(dir, ".csikit-pool")
	first, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, marker.Make(dir))
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, first, again, "the id stays")
	require.ErrorIs(t, marker.Make(filepath.Join(dir, "missing")), os.ErrNotExist)
}
