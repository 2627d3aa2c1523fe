package unixsock

import (
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockDirectory excludes others that make or remove sockets in the directory of
// path, for a moment. It makes no file: nothing may be beside the socket (CSI
// specification, Plugin Bootstrap).
func lockDirectory(path string) (unlock func(), err error) {
	dir := filepath.Dir(path)
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, &os.PathError{Op: "flock", Path: dir, Err: err}
	}
	return func() { _ = f.Close() }, nil
}

// listenUnix makes a socket whose file has its mode from the start: bind(2)
// takes it from the socket.
func listenUnix(ctx context.Context, path string, mode fs.FileMode) (net.Listener, error) {
	var failed error
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), uint32(mode.Perm())) })
		if err != nil {
			return err
		}
		return failed
	}}
	return config.Listen(ctx, "unix", path)
}
