// Package shipped proves that the manifests beside an example are those that
// the driver prints.
package shipped

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi/cli"
)

// Check compares the folder deploy of the example in the working directory with
// what its program prints. `make manifests` writes it anew. program makes the
// program for one run.
func Check(t *testing.T, program func() cli.Program) {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"--form=kustomize", "--into=" + dir},
		{"--form=helm", "--into=" + filepath.Join(dir, "chart")},
		{"--samples", "--into=" + dir},
	} {
		var out bytes.Buffer
		require.Zero(t, program().Run(t.Context(), append([]string{"manifests"}, args...), nil, &out, &out), out.String())
	}
	var printed []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		printed = append(printed, name)
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		have, err := os.ReadFile(filepath.Join("deploy", name))
		require.NoError(t, err, "run make manifests")
		assert.Equal(t, string(want), string(have), "deploy/%s is not what the driver prints: run make manifests", name)
		return nil
	}))
	assert.Len(t, printed, 7)
}
