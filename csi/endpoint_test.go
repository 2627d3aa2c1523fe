package csi

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRule35_EndpointForms(t *testing.T) {
	for text, want := range map[string]endpoint{
		"unix:///csi/csi.sock": {"unix", "/csi/csi.sock"},
		"unix:/csi/csi.sock":   {"unix", "/csi/csi.sock"},
		"unix:csi.sock":        {"unix", "csi.sock"},
		"/csi/csi.sock":        {"unix", "/csi/csi.sock"},
		"tcp://127.0.0.1:1000": {"tcp", "127.0.0.1:1000"},
		"tcp://:0":             {"tcp", ":0"},
	} {
		got, err := parseEndpoint(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestRule35_EndpointErrorsSayWhatToChange(t *testing.T) {
	for text, want := range map[string]string{
		"unix://csi/csi.sock": "unix:///csi/csi.sock",
		"csi.sock":            "want unix:///path/to/csi.sock",
		"http://host:1":       "want unix:///path/to/csi.sock",
		"tcp://host":          "host:port",
		"tcp://host:":         "host:port",
		"unix:///csi/socket":  "must end with .sock",
		"unix:///" + strings.Repeat("x", 110) + ".sock": "at most 107",
	} {
		_, err := parseEndpoint(text)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, text)
	}
}

func TestRule35_EndpointOfTheEnvironment(t *testing.T) {
	t.Setenv(endpointVariable, "unix:///env/csi.sock")
	e, err := parseEndpoint("")
	require.NoError(t, err)
	assert.Equal(t, "unix:///env/csi.sock", e.String())
	t.Setenv(endpointVariable, "")
	_, err = parseEndpoint("")
	require.ErrorContains(t, err, endpointVariable)
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "csi")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func TestSocketHasItsPermissionsFromTheStart(t *testing.T) {
	path := filepath.Join(shortDir(t), "csi.sock")
	s, err := endpoint{"unix", path}.listen(t.Context(), 0o600, 0, slog.Default())
	require.NoError(t, err)
	defer s.Close()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing may be beside the socket")
}

func TestStaleSocketIsReplacedOnlyIfNobodyListens(t *testing.T) {
	e := endpoint{"unix", filepath.Join(shortDir(t), "csi.sock")}
	killed, err := net.Listen("unix", e.address)
	require.NoError(t, err)
	killed.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, killed.Close())

	first, err := e.listen(t.Context(), 0o600, 0, slog.Default())
	require.NoError(t, err, "nobody listens at it any more")
	_, err = e.listen(t.Context(), 0o600, 0, slog.Default())
	require.ErrorContains(t, err, "another process is serving at "+e.address)

	require.NoError(t, first.Remove())
	require.NoError(t, first.Close())
	require.NoFileExists(t, e.address)
	require.NoError(t, first.Remove(), "it is gone already")
}

func TestSocketOfAnotherProcessIsNotRemoved(t *testing.T) {
	e := endpoint{"unix", filepath.Join(shortDir(t), "csi.sock")}
	first, err := e.listen(t.Context(), 0o600, 0, slog.Default())
	require.NoError(t, err)
	defer first.Close()
	require.NoError(t, os.Remove(e.address))
	second, err := e.listen(t.Context(), 0o600, 0, slog.Default())
	require.NoError(t, err)
	defer second.Close()
	require.NoError(t, first.Remove())
	require.FileExists(t, e.address)
}

func TestWhatIsNoSocketIsNotReplaced(t *testing.T) {
	e := endpoint{"unix", filepath.Join(shortDir(t), "csi.sock")}
	require.NoError(t, os.WriteFile(e.address, []byte("data"), 0o600))
	_, err := e.listen(t.Context(), 0o600, 0, slog.Default())
	require.ErrorContains(t, err, "exists and is no socket")
	require.FileExists(t, e.address)
}

func TestDirectoryOfTheSocketIsNotMade(t *testing.T) {
	e := endpoint{"unix", filepath.Join(shortDir(t), "missing", "csi.sock")}
	_, err := e.listen(t.Context(), 0o600, 0, slog.Default())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "mount or make it")
}
