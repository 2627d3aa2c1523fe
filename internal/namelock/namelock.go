// Package namelock locks names among all processes of a machine.
//
// A [File] is one lock file; each name is one byte of it, at an offset that is
// a hash of the name, and the lock is one of fcntl(2)'s open file description
// locks. So locking makes nothing that would have to be deleted, which is where
// lock files go wrong, and the kernel unlocks what a killed process held. Two
// operations of one process exclude each other as two processes do.
//
// A file that is there can be locked where its file system has become read-only:
// the kernel refuses exclusive locks of a file that is open for reading, so a
// process that has it so holds a shared lock of the name's byte, as others do who
// share it, and one of the byte behind it, which tells those that it does not
// share. Either side locks first and looks for the other then, so that one of the
// two sees the other.
package namelock

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/csikit/csikit/internal/pace"
	"github.com/csikit/csikit/internal/rawfile"
)

// A Mode is how a name is locked.
type Mode int

const (
	// Exclusive excludes every other lock of the name.
	Exclusive Mode = iota
	// Shared excludes exclusive locks of the name.
	Shared
)

// ErrLocked says that somebody else holds the lock.
var ErrLocked = errors.New("locked by another operation or process")

// ErrPlatform says that there are no such locks on this operating system. It is
// not errors.ErrUnsupported, which the error of a file system without locks
// matches.
var ErrPlatform = errors.New("only Linux has these locks")

// A File is the path of a lock file. It is made when it is missing, holds
// nothing, and must never be deleted or replaced.
type File string

// Lock locks name, and waits for it until ctx ends; then the error wraps ctx's
// cause and [ErrLocked]. There is no order among those who wait.
func (f File) Lock(ctx context.Context, name string, m Mode) (unlock func(), err error) {
	return wait(ctx, func() (func(), error) { return f.TryLock(name, m) })
}

func wait(ctx context.Context, try func() (func(), error)) (unlock func(), err error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		unlock, err := try()
		if !errors.Is(err, ErrLocked) {
			return unlock, err
		}
		if ended := pace.Sleep(ctx, pause); ended != nil { // the kernel cannot be asked to wait until a context ends
			return nil, fmt.Errorf("%w: %w", ended, err)
		}
	}
}

// TryLock locks name, or returns [ErrLocked] at once.
func (f File) TryLock(name string, m Mode) (unlock func(), err error) {
	file, err := f.open()
	if err != nil {
		return nil, err
	}
	if err := lock(file, offset(name), m); err != nil {
		return nil, errors.Join(f.fault(name, err), file.Close())
	}
	return func() { _ = file.Close() }, nil // closing unlocks
}

func (f File) fault(name string, err error) error {
	return fmt.Errorf("lock %q in %s: %w", name, f, err)
}

// offset is where the byte of a name is.
func offset(name string) int64 {
	sum := sha256.Sum256([]byte(name))
	return int64(binary.BigEndian.Uint64(sum[:]) >> 2)
}

// Open opens the lock file without locking anything: proof that locking can
// work, and that its disk can be written.
func (f File) Open() (*os.File, error) { return rawfile.Open(string(f), os.O_RDWR|os.O_CREATE, 0o600) }

// open opens the lock file to lock it: for reading where it cannot be written.
func (f File) open() (*os.File, error) {
	file, err := f.Open()
	if errors.Is(err, syscall.EROFS) {
		if file, there := rawfile.Open(string(f), os.O_RDONLY, 0); there == nil {
			return file, nil
		}
	}
	return file, err
}
