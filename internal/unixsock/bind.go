package unixsock

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

// hidden is the name under which a socket is bound before it is renamed. It is
// shorter than any name that ends with .sock, so a path that fits into a
// socket's address still does.
const hidden = ".bind"

// serveTimeout bounds how long a process that holds a socket may take to accept
// a connection.
const serveTimeout = 2 * time.Second

// errServed means that another process serves at the path.
var errServed = errors.New("another process is serving at")

// bindInTime binds, and waits for a process that still serves at the path.
func (o Options) bindInTime(ctx context.Context) (bound, error) {
	ctx, cancel := context.WithTimeout(ctx, max(o.Patience, serveTimeout))
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for told := false; ; told = true {
		b, err := o.bind(ctx)
		if o.Patience == 0 || !errors.Is(err, errServed) {
			return b, err
		}
		if !told {
			o.Logger.Warn("another process is serving at our socket; waiting for it to leave", "socket", o.Path, "for", o.Patience)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return b, err
		}
	}
}

// bind makes a socket at the path, in place of what is there.
func (o Options) bind(ctx context.Context) (b bound, err error) {
	unlock, err := lockDirectory(o.Path)
	if err != nil {
		return bound{}, fmt.Errorf("the directory of the socket %s: %w (it is not made here: mount or make it, and check its permissions)", o.Path, err)
	}
	defer unlock()
	if err := o.replaceable(ctx); err != nil {
		return bound{}, err
	}
	temporary := filepath.Join(filepath.Dir(o.Path), hidden)
	if err := removeSocket(temporary); err != nil {
		return bound{}, fmt.Errorf("a socket that a killed process was about to make: %w", err)
	}
	l, err := listenUnix(ctx, temporary, o.Mode)
	if err != nil {
		return bound{}, fmt.Errorf("listening at %s: %w", o.Path, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // see Remove
	file, err := os.Lstat(temporary)
	if err == nil {
		err = os.Rename(temporary, o.Path)
	}
	if err != nil {
		return bound{}, errors.Join(err, l.Close(), removeSocket(temporary))
	}
	return bound{l, o.Path, file}, nil
}

// replaceable returns nil if there is nothing at the path, or a socket that may
// be replaced.
func (o Options) replaceable(ctx context.Context) error {
	info, err := os.Lstat(o.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for an old socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is no socket (%v): remove it, or choose another endpoint", o.Path, info.Mode().Type())
	}
	if !o.Exclusive {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, serveTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", o.Path)
	switch {
	case err == nil:
		_ = conn.Close()
		return fmt.Errorf("%w %s: stop it, or choose another endpoint", errServed, o.Path)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil // killed, or gone just now
	}
	return fmt.Errorf("is anybody serving at %s? %w", o.Path, err)
}

// removeSocket removes a socket of ours; there may be none.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode().Type() != fs.ModeSocket {
		err = fmt.Errorf("%s is no socket (%v): remove it", path, info.Mode().Type())
	}
	if err != nil {
		return err
	}
	return os.Remove(path)
}
