package unixsock

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// socketPath is short, since a socket's address has room for 107 bytes.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sock")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "csi.sock")
}

func listen(t *testing.T, o Options) *Listener {
	t.Helper()
	o.Mode, o.Every, o.Logger = 0o600, 5*time.Millisecond, slog.New(slog.DiscardHandler)
	l, err := Listen(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l
}

// answer makes l answer every connection with word, until l is closed.
func answer(t *testing.T, l *Listener, word string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				assert.ErrorIs(t, err, net.ErrClosed)
				return
			}
			_, _ = io.WriteString(conn, word)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { assert.NoError(t, l.Close()); <-done })
}

// who returns the word of the process that serves at path, or "".
func who(path string) string {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return ""
	}
	defer conn.Close()
	word, _ := io.ReadAll(conn)
	return string(word)
}

func eventually(t *testing.T, path, word string) {
	t.Helper()
	require.Eventually(t, func() bool { return who(path) == word }, 10*time.Second, time.Millisecond)
}

func TestTheSocketReplacesTheOldOneWithoutAGap(t *testing.T) {
	path := socketPath(t)
	answer(t, listen(t, Options{Path: path}), "old")
	stop, missing := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				missing <- n
				return
			default:
			}
			if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
				n++
			}
		}
	}()
	var last *Listener
	for range 50 {
		last = listen(t, Options{Path: path})
		require.NoError(t, last.Close())
	}
	close(stop)
	assert.Zero(t, <-missing, "how often there was no socket")
}

func TestNothingIsBesideTheSocketAndItHasItsMode(t *testing.T) {
	path := socketPath(t)
	left, err := net.Listen("unix", filepath.Join(filepath.Dir(path), hidden)) // by a process that was killed in bind
	require.NoError(t, err)
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, left.Close())
	listen(t, Options{Path: path})
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	info, err := os.Lstat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestALostSocketIsMadeAgain(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, path string){
		"unlinked": func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
		"replaced by a dead one": func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			l, err := net.Listen("unix", path)
			require.NoError(t, err)
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			require.NoError(t, l.Close())
		},
		"directory renewed": func(t *testing.T, path string) {
			dir := filepath.Dir(path)
			require.NoError(t, os.Rename(dir, dir+".old"))
			require.NoError(t, os.Mkdir(dir, 0o700))
			t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir+".old")) })
		},
	} {
		for _, exclusive := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				path := socketPath(t)
				answer(t, listen(t, Options{Path: path, Exclusive: exclusive}), "we")
				eventually(t, path, "we")
				lose(t, path)
				eventually(t, path, "we")
			})
		}
	}
}

func TestConnectionsOutliveTheSocket(t *testing.T) {
	path := socketPath(t)
	l := listen(t, Options{Path: path})
	client, err := net.Dial("unix", path)
	require.NoError(t, err)
	defer client.Close()
	server, err := l.Accept()
	require.NoError(t, err)
	defer server.Close()
	require.NoError(t, l.Remake(t.Context()))
	_, err = io.WriteString(server, "x")
	require.NoError(t, err)
	b := make([]byte, 1)
	_, err = io.ReadFull(client, b)
	require.NoError(t, err)
}

func TestRemakeIsANewInode(t *testing.T) {
	path := socketPath(t)
	l := listen(t, Options{Path: path})
	before, err := os.Lstat(path)
	require.NoError(t, err)
	answer(t, l, "we")
	require.NoError(t, l.Remake(t.Context()))
	after, err := os.Lstat(path)
	require.NoError(t, err)
	assert.False(t, os.SameFile(before, after))
	eventually(t, path, "we")
}

func TestASharedPathIsTakenBackAndAnExclusiveOneIsNot(t *testing.T) {
	path := socketPath(t)
	answer(t, listen(t, Options{Path: path}), "first")
	other, err := Listen(t.Context(), Options{Path: path, Mode: 0o600, Every: time.Hour, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	answer(t, other, "other")
	eventually(t, path, "first")

	path = socketPath(t)
	answer(t, listen(t, Options{Path: path, Exclusive: true}), "exclusive")
	other, err = Listen(t.Context(), Options{Path: path, Mode: 0o600, Every: time.Hour, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	answer(t, other, "other")
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
		require.Equal(t, "other", who(path), "it serves, so it is left alone")
	}
	require.NoError(t, other.Remove())
	require.NoError(t, other.Close())
	eventually(t, path, "exclusive")
}

func TestListenWaitsForTheOtherProcessToLeave(t *testing.T) {
	path := socketPath(t)
	old := listen(t, Options{Path: path, Exclusive: true})
	_, err := Listen(t.Context(), Options{Path: path, Mode: 0o600, Exclusive: true})
	require.ErrorIs(t, err, errServed)
	time.AfterFunc(50*time.Millisecond, func() {
		assert.NoError(t, old.Remove())
		assert.NoError(t, old.Close())
	})
	fresh := listen(t, Options{Path: path, Exclusive: true, Patience: 10 * time.Second})
	answer(t, fresh, "fresh")
	eventually(t, path, "fresh")
}

func TestRemoveUnlinksOnlyWhatIsOurs(t *testing.T) {
	path := socketPath(t)
	old := listen(t, Options{Path: path})
	require.NoError(t, old.Remove())
	require.NoFileExists(t, path)
	require.NoError(t, old.Remove(), "it is gone already")

	gone := listen(t, Options{Path: path})
	gone.ended() // it is stopping, so it does not take the path back
	gone.watch.Wait()
	answer(t, listen(t, Options{Path: path}), "new")
	require.NoError(t, gone.Remove())
	eventually(t, path, "new")
	require.NoError(t, os.RemoveAll(filepath.Dir(path)))
	require.NoError(t, gone.Remove(), "even the directory is gone")
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
}

func TestWhatIsNoSocketIsNotReplaced(t *testing.T) {
	path := socketPath(t)
	require.NoError(t, os.WriteFile(path, []byte("data"), 0o600))
	_, err := Listen(t.Context(), Options{Path: path, Mode: 0o600})
	require.ErrorContains(t, err, "exists and is no socket")
	if runtime.GOOS == "linux" {
		require.FileExists(t, path)
	}
	_, err = Listen(t.Context(), Options{Path: filepath.Join(path, "missing", "x.sock"), Mode: 0o600})
	require.ErrorContains(t, err, "mount or make it")
}
