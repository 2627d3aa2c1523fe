package durable_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/durable"
)

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestWriteFile_ReplacesWholeContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state[1]*.json")
	for _, want := range []string{"a long first version", "short", ""} {
		require.NoError(t, durable.WriteFile(path, []byte(want), 0o640))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	require.Equal(t, []string{"state[1]*.json"}, names(t, dir), "no temporary file may stay")
}

func TestWriteFile_FailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	require.NoError(t, os.MkdirAll(filepath.Join(path, "full"), 0o755))
	require.ErrorContains(t, durable.WriteFile(path, []byte("x"), 0o600), path)
	require.Equal(t, []string{"taken"}, names(t, dir))
	err := durable.WriteFile(filepath.Join(dir, "missing", "f"), nil, 0o600)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWriteFile_ConcurrentWritersNeverMix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if err := durable.WriteFile(path, []byte(strings.Repeat(fmt.Sprint(i), 5000)), 0o600); err != nil {
					t.Error(err)
				}
				got, err := os.ReadFile(path)
				if err != nil || len(got) != 5000 || strings.Trim(string(got), string(got[:1])) != "" {
					t.Errorf("read %d bytes of several writers (%v)", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func TestRemove_AlsoRemovesLeftoversOfACrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a[b]")
	for _, name := range []string{"a[b]", ".a[b].tmp-123", ".ab.tmp-7", "ab"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.True(t, durable.IsTemporary(".a[b].tmp-123"))
	require.False(t, durable.IsTemporary("a.tmp-123"))
	require.NoError(t, durable.Remove(path))
	require.Equal(t, []string{".ab.tmp-7", "ab"}, names(t, dir))
	require.NoError(t, durable.Remove(path), "absent is done")
	require.NoError(t, durable.Remove(filepath.Join(dir, "missing", "f")))
}

func TestAppendLine_ATornLineSpoilsNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("first\nto"), 0o600)) // a kill or a full disk
	for _, line := range []string{"second", "third", "third"} {
		size, err := durable.AppendLine(path, []byte(line), 0o600)
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, info.Size(), size)
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, []string{"first", "to", "second", "third"}, strings.Fields(string(data)))

	made := path + "2"
	_, err = durable.AppendLine(made, []byte("a"), 0o600)
	require.NoError(t, err)
	info, err := os.Stat(made)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = durable.AppendLine(filepath.Join(path, "f"), nil, 0o600)
	require.ErrorContains(t, err, path)
}

func TestAppendLine_ConcurrentWritersNeverMix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 20 {
				line := strings.Repeat(fmt.Sprint(i), 900) + ":" + fmt.Sprint(n)
				if _, err := durable.AppendLine(path, []byte(line), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Fields(string(data))
	require.Len(t, lines, 160)
	slices.Sort(lines)
	require.Len(t, slices.Compact(lines), 160)
	for _, line := range lines {
		writer, _, _ := strings.Cut(line, ":")
		require.Equal(t, strings.Repeat(line[:1], 900), writer)
	}
}

func TestRename_IsWithinADirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a"), 0o755))
	require.NoError(t, durable.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")))
	require.Equal(t, []string{"b"}, names(t, dir))
	err := durable.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	require.True(t, errors.Is(err, os.ErrNotExist))
}

func ExampleWriteFile() {
	dir, _ := os.MkdirTemp("", "")
	path := filepath.Join(dir, "state.json")
	_ = durable.WriteFile(path, []byte(`{"formatted":true}`), 0o600)
	data, _ := os.ReadFile(path)
	fmt.Println(string(data))
	fmt.Println(durable.Remove(path), durable.Remove(path), os.Remove(dir))
	// Output:
	// {"formatted":true}
	// <nil> <nil> <nil>
}
