package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func entries(t *testing.T, r io.Reader) (content map[string][]byte, headers map[string]*tar.Header) {
	t.Helper()
	content, headers = map[string][]byte{}, map[string]*tar.Header{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return content, headers
		}
		require.NoError(t, err)
		text, err := io.ReadAll(tr)
		require.NoError(t, err)
		content[h.Name], headers[h.Name] = text, h
	}
}

func build(t *testing.T, dir string) string {
	t.Helper()
	root, program, out := filepath.Join(dir, "root"), filepath.Join(dir, "program"), filepath.Join(dir, "image.tar")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc", "passwd"), []byte("root"), 0o640))
	require.NoError(t, os.Symlink("etc/passwd", filepath.Join(root, "link")))
	require.NoError(t, os.WriteFile(program, []byte("program"), 0o755))
	require.NoError(t, run([]string{"-out", out, "-name", "example.com/x:1", "-rootfs", root, "-entrypoint", "/usr/bin/x", "-file", "/usr/bin/x=" + program}))
	return out
}

func TestTheArchiveIsAnImageLayout(t *testing.T) {
	f, err := os.Open(build(t, t.TempDir()))
	require.NoError(t, err)
	defer f.Close()
	files, _ := entries(t, f)
	read := func(digest string, v any) []byte {
		text := files["blobs/sha256/"+strings.TrimPrefix(digest, "sha256:")]
		require.NotEmpty(t, text, digest)
		assert.Equal(t, digest, fmt.Sprintf("sha256:%x", sha256.Sum256(text)))
		if v != nil {
			require.NoError(t, json.Unmarshal(text, v))
		}
		return text
	}
	var index struct{ Manifests []descriptor }
	require.NoError(t, json.Unmarshal(files["index.json"], &index))
	require.Len(t, index.Manifests, 1)
	assert.Equal(t, "example.com/x:1", index.Manifests[0].Annotations["io.containerd.image.name"])
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	read(index.Manifests[0].Digest, &manifest)
	var config struct {
		Config struct{ Entrypoint []string }
		Rootfs struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	read(manifest.Config.Digest, &config)
	assert.Equal(t, []string{"/usr/bin/x"}, config.Config.Entrypoint)
	require.Len(t, manifest.Layers, 2)
	for i, l := range manifest.Layers {
		assert.Equal(t, config.Rootfs.DiffIDs[i], l.Digest)
		assert.EqualValues(t, len(read(l.Digest, nil)), l.Size)
	}

	root, headers := entries(t, bytes.NewReader(read(manifest.Layers[0].Digest, nil)))
	assert.Equal(t, "root", string(root["etc/passwd"]))
	assert.EqualValues(t, 0o640, headers["etc/passwd"].Mode)
	assert.Equal(t, "etc/passwd", headers["link"].Linkname)
	added, headers := entries(t, bytes.NewReader(read(manifest.Layers[1].Digest, nil)))
	assert.Equal(t, "program", string(added["usr/bin/x"]))
	assert.EqualValues(t, 0o755, headers["usr/bin/x"].Mode)
	assert.Contains(t, headers, "usr/bin/")
}

func TestEqualInputIsAnEqualArchive(t *testing.T) {
	first, err := os.ReadFile(build(t, t.TempDir()))
	require.NoError(t, err)
	second, err := os.ReadFile(build(t, t.TempDir()))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(first, second))
}

func TestAFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "image.tar")
	require.ErrorIs(t, run([]string{"-out", out, "-name", "x", "-entrypoint", "/x", "-file", "/x=" + filepath.Join(dir, "missing")}), os.ErrNotExist)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
	require.ErrorContains(t, run([]string{"-out", out}), "are required")
	require.ErrorContains(t, run([]string{"-file", "x"}), "want /path/in/image=path")
}
