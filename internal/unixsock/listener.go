package unixsock

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// Options say what to listen at. Path is required.
type Options struct {
	Path string
	// Mode is the permissions of the socket.
	Mode fs.FileMode
	// Exclusive says that a path at which another process serves is not taken.
	Exclusive bool
	// Patience is how long Listen waits for another process to leave.
	Patience time.Duration
	// Every is how often the inode is looked at; 0 is a second.
	Every time.Duration
	// Logger is told when the socket had to be made anew; nil is slog.Default.
	Logger *slog.Logger
}

// A Listener accepts connections at a path. Its methods may be called
// concurrently.
type Listener struct {
	o     Options
	ended context.CancelFunc
	watch sync.WaitGroup

	mu     sync.Mutex
	now    bound
	closed bool
}

var _ net.Listener = (*Listener)(nil)

// Listen makes the socket and starts to watch it. Who ends without Close leaks
// a goroutine.
func Listen(ctx context.Context, o Options) (*Listener, error) {
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	b, err := o.bindInTime(ctx)
	if err != nil {
		return nil, err
	}
	watched, ended := context.WithCancel(context.WithoutCancel(ctx))
	l := &Listener{o: o, now: b, ended: ended}
	l.watch.Go(func() { l.keep(watched) })
	return l, nil
}

// Accept implements [net.Listener]. It goes on with the new socket when the old
// one was replaced.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		now, _ := l.current()
		conn, err := now.Accept()
		if err == nil {
			return conn, nil
		}
		if next, closed := l.current(); closed || next == now {
			return nil, err
		}
	}
}

func (l *Listener) current() (now net.Listener, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.Listener, l.closed
}

// Addr implements [net.Listener].
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: l.o.Path, Net: "unix"} }

// Remake makes the socket anew at the same path: what watches the directory
// sees a new one.
func (l *Listener) Remake(ctx context.Context) error {
	b, err := l.o.bind(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.Join(net.ErrClosed, b.remove(), b.Close())
	}
	old := l.now
	l.now = b
	return old.Close()
}

// Remove ends the watch and unlinks the socket if it is ours. Connections are
// still accepted until Close, if they were under way.
func (l *Listener) Remove() error {
	l.ended()
	l.watch.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.remove()
}

// Close implements [net.Listener]. It removes nothing, see [Listener.Remove].
func (l *Listener) Close() error {
	l.ended()
	l.watch.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return l.now.Close()
}

// ours reports whether the path still leads to this listener. An error means
// that it cannot be known.
func (l *Listener) ours() (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.ours()
}

// A bound is one socket that was made: the listener and its file.
type bound struct {
	net.Listener
	path string
	file fs.FileInfo
}

func (b bound) ours() (bool, error) {
	now, err := os.Lstat(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(b.file, now), err
}

// remove must be called before the listener is closed: until then nobody else's
// file can have the same inode.
func (b bound) remove() error {
	unlock, err := lockDirectory(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	if ours, err := b.ours(); err != nil || !ours {
		return err
	}
	return os.Remove(b.path)
}
