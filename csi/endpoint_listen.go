package csi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A socket is a listener and, for a unix socket, the file that clients find it
// by.
type socket struct {
	net.Listener
	path string
	file fs.FileInfo
}

// listen opens the endpoint. A unix socket's file that nobody listens at is
// replaced; it appears with its permissions at once, and two drivers cannot
// both get it.
func (e endpoint) listen(ctx context.Context, mode fs.FileMode) (*socket, error) {
	if e.network == "tcp" {
		l, err := new(net.ListenConfig).Listen(ctx, e.network, e.address)
		return &socket{Listener: l}, err
	}
	unlock, err := lockDirectory(filepath.Dir(e.address))
	if err != nil {
		return nil, fmt.Errorf("csi: the directory of the socket %s: %w (it is not made here: mount or make it, and check its permissions)", e.address, err)
	}
	defer unlock()
	if err := removeStale(ctx, e.address); err != nil {
		return nil, err
	}
	l, err := listenUnix(ctx, e.address, mode)
	if err != nil {
		return nil, fmt.Errorf("csi: listening at %s: %w", e.address, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // see remove
	file, err := os.Lstat(e.address)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &socket{l, e.address, file}, nil
}

// staleTimeout bounds how long a process that holds a socket may take to
// accept a connection.
const staleTimeout = 2 * time.Second

// removeStale removes what is at path if it is a socket that nobody listens
// at: one that a killed process has left.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("csi: looking for an old socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("csi: %s exists and is no socket (%v): remove it, or choose another endpoint", path, info.Mode().Type())
	}
	ctx, cancel := context.WithTimeout(ctx, staleTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return fmt.Errorf("csi: another process is serving at %s: stop it, or choose another endpoint", path)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("csi: is anybody serving at %s? %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("csi: removing the socket of a process that has ended: %w", err)
	}
	return nil
}

// remove removes the socket's file unless another process has replaced it. It
// must be called before the listener is closed: until then nobody else's file
// can have the same inode.
func (s *socket) remove() error {
	if s.path == "" {
		return nil
	}
	now, err := os.Lstat(s.path)
	if err == nil && os.SameFile(s.file, now) {
		err = os.Remove(s.path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
