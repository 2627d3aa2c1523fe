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
	mu   sync.Mutex // never held while the disk is asked
	now  *kept      // nil until it is needed
}

// A kept is an open lock file. The kernel's locks belong to it: what they hold
// for each of those who lock is counted here.
type kept struct {
	file  *os.File
	info  os.FileInfo
	users int           // who are about to lock
	held  map[int64]int // how many share a byte; exclusively for a single one
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
	f, err := k.use()
	if err != nil {
		return nil, err
	}
	at := offset(name)
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.leave(f)
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
	f, err := k.use()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.leave(f)
	return err
}

// Close closes the file, when what is locked is unlocked. The next lock opens
// it again.
func (k *Kept) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.replace(nil)
}

// use returns a file that stays open until the caller leaves it: the one that the
// path names, since others would lock another one if it was not. Where a failing
// disk does not tell, it is. A disk that does not answer keeps the caller only.
func (k *Kept) use() (*kept, error) {
	k.mu.Lock()
	f := k.now
	if f != nil {
		f.users++
	}
	k.mu.Unlock()
	if f.isAt(k.path) {
		return f, nil
	}
	fresh, err := k.path.keep()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.leave(f)
	if err != nil {
		return nil, err
	}
	k.replace(fresh) // also one of another caller who did the same: theirs excludes this one's locks
	return fresh, nil
}

// leave ends a use. k.mu is held.
func (k *Kept) leave(f *kept) {
	if f != nil {
		f.users--
		k.closeUnused(f)
	}
}

// replace makes f the open file. k.mu is held.
func (k *Kept) replace(f *kept) {
	old := k.now
	k.now = f
	k.closeUnused(old)
}

// closeUnused closes a file that has been replaced and is not in use. k.mu is held.
func (k *Kept) closeUnused(f *kept) {
	if f != nil && f != k.now && f.users == 0 && len(f.held) == 0 {
		_ = f.file.Close()
	}
}

// keep opens the file for one user.
func (f File) keep() (*kept, error) {
	file, err := f.open()
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &kept{file: file, info: info, users: 1, held: map[int64]int{}}, nil
}

// isAt reports whether the path is known not to name another file.
func (f *kept) isAt(path File) bool {
	if f == nil {
		return false
	}
	info, err := os.Stat(string(path))
	return err == nil && os.SameFile(info, f.info) || err != nil && !errors.Is(err, os.ErrNotExist)
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
