package namelock

import (
	"context"
	"errors"
	"os"
	"sync"
)

// A Kept is a lock file that stays open, so that locking needs to open nothing,
// and works on where a file system has become read-only since. It excludes as
// [File] does, and the two exclude each other. Methods may be called
// concurrently.
type Kept struct {
	path File
	mu   sync.Mutex
	now  *kept // nil until it is needed
}

// A kept is an open lock file. The kernel's locks belong to it: what they hold
// for each of those who lock is counted here.
type kept struct {
	file *os.File
	info os.FileInfo
	held map[int64]int // how many share a byte; exclusively for a single one
}

const exclusively = -1

// Keep is f, to be opened with the first lock.
func (f File) Keep() *Kept { return &Kept{path: f} }

// Lock is [File.Lock].
func (k *Kept) Lock(ctx context.Context, name string, m Mode) (unlock func(), err error) {
	return wait(ctx, func() (func(), error) { return k.TryLock(name, m) })
}

// TryLock is [File.TryLock].
func (k *Kept) TryLock(name string, m Mode) (unlock func(), err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(); err != nil {
		return nil, err
	}
	f, at := k.now, offset(name)
	if err := f.lock(at, m); err != nil {
		return nil, k.path.fault(name, err)
	}
	return sync.OnceFunc(func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		f.unlock(at)
		k.closeUnused(f)
	}), nil
}

// Open opens the lock file without locking anything: proof that locking can work.
func (k *Kept) Open() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open()
}

// Close closes the file, when what is locked is unlocked. The next lock opens
// it again.
func (k *Kept) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.now
	k.now = nil
	k.closeUnused(f)
}

// open makes sure that the open file is the one that the path names: others
// would lock another one if it is not. Where a failing disk does not tell, it is.
func (k *Kept) open() error {
	if k.now != nil {
		info, err := os.Stat(string(k.path))
		if err == nil && os.SameFile(info, k.now.info) || err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	file, err := k.path.open()
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	old := k.now
	k.now = &kept{file: file, info: info, held: map[int64]int{}}
	k.closeUnused(old)
	return nil
}

// closeUnused closes a file that has been replaced and holds no lock.
func (k *Kept) closeUnused(f *kept) {
	if f != nil && f != k.now && len(f.held) == 0 {
		_ = f.file.Close()
	}
}

func (f *kept) lock(at int64, m Mode) error {
	switch n := f.held[at]; {
	case n == 0:
		if err := lock(f.file, at, m); err != nil {
			return err
		}
	case n == exclusively || m == Exclusive:
		return ErrLocked
	}
	if m == Exclusive {
		f.held[at] = exclusively
	} else {
		f.held[at]++
	}
	return nil
}

func (f *kept) unlock(at int64) {
	if f.held[at]--; f.held[at] > 0 {
		return
	}
	delete(f.held, at)
	_ = unlock(f.file, at) // it needs nothing that could be missing
}
