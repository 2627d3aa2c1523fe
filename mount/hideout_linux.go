package mount

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
	"github.com/csikit/csikit/internal/namelock"
	"github.com/csikit/csikit/internal/watch"
)

// hiddenDir is where mount(2) builds what must not be seen half-made.
const hiddenDir = "/run/csikit/mounts"

func (k *Kernel) hideouts() string {
	if k.hidden != "" {
		return k.hidden
	}
	return hiddenDir
}

// A hideout is a private tmpfs with one node, on which mount(2) makes a mount
// that is checked before it is moved to its target. Only root can look inside.
// Whoever has it holds the lock of its name, which a killed process does not.
type hideout struct {
	dir, node string
	unlock    func()
}

func (k *Kernel) hideout(name string) *hideout {
	dir := filepath.Join(k.hideouts(), name)
	return &hideout{dir: dir, node: filepath.Join(dir, "mount")}
}

func (k *Kernel) hideoutLocks() namelock.File { return namelock.File(k.hideouts() + ".lock") }

// hide makes a hideout for a mount that is to be attached at p.
func (k *Kernel) hide(ctx context.Context, p *place) (*hideout, error) {
	if err := os.MkdirAll(k.hideouts(), 0o700); err != nil {
		return nil, fmt.Errorf("make a directory of hidden mounts: %w", err)
	}
	sum := sha256.Sum256([]byte(p.path))
	name := hex.EncodeToString(sum[:12])
	h := k.hideout(name)
	var err error
	if h.unlock, err = k.hideoutLocks().Lock(ctx, name, namelock.Exclusive); err != nil {
		return nil, fmt.Errorf("have a hidden directory alone: %w", err)
	}
	if err := h.clear(); err != nil { // of a process that was killed
		h.unlock()
		return nil, err
	}
	if err := h.build(p.isDir); err != nil {
		return nil, joinUndo(err, h.remove())
	}
	return h, nil
}

func (h *hideout) build(isDir bool) error {
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		return fmt.Errorf("make a hidden directory: %w", err)
	}
	crashpoint.Step("mount.hide")
	if err := unix.Mount("csikit", h.dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=64k,mode=0700"); err != nil {
		return fmt.Errorf("mount a hidden tmpfs: %w", err)
	}
	if err := unix.Mount("", h.dir, "", unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the hidden tmpfs private: %w", err)
	}
	if isDir {
		return MakeDir(h.node)
	}
	return MakeFile(h.node)
}

// remove takes away what is mounted in the hideout, and the hideout.
func (h *hideout) remove() error {
	defer h.unlock()
	return h.clear()
}

func (h *hideout) clear() error {
	for _, path := range []string{h.node, h.dir} {
		if err := popLayers(path); err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	return Remove(h.dir)
}

func popLayers(path string) error {
	for {
		err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW)
		switch {
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
			return nil
		case err != nil:
			return err
		}
	}
}

// sweep removes the hideouts of processes that were killed: those that nobody
// has. A mount left in one would keep its device busy for ever. That of a device
// that does not answer keeps nobody waiting for long (R14).
func (k *Kernel) sweep() {
	entries, _ := os.ReadDir(k.hideouts())
	for _, e := range entries {
		h := k.hideout(e.Name())
		_, err := watch.Call(&k.watch, h.dir, k.answerTime(), func() (_ struct{}, err error) {
			if h.unlock, err = k.hideoutLocks().TryLock(e.Name(), namelock.Exclusive); err == nil {
				err = h.remove()
			}
			return struct{}{}, err
		})
		if err != nil && !errors.Is(err, namelock.ErrLocked) {
			k.logger().Error("what a killed process left cannot be removed", "path", h.dir, "error", err)
		}
	}
}

// move makes what is mounted on the node visible at the place.
func (h *hideout) move(p *place) error {
	crashpoint.Step("mount.move")
	if err := unix.Mount(h.node, fdPath(p.fd), "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("attach the mount: %w", err)
	}
	return nil
}

func (h *hideout) proveDevice(fsType string, number uint64) error {
	fd, err := unix.Open(h.node, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the new mount: %w", err)
	}
	defer unix.Close(fd)
	return sameDevice(fd, fsType, number)
}

// setAttrs remounts with what the mount has and a: a bind remount forgets all
// that it is not told again.
func (h *hideout) setAttrs(a attrs) error {
	if a.empty() {
		return nil
	}
	now, _, err := readMountinfo(h.node, unix.Statx_t{})
	if err != nil {
		return err
	}
	return unix.Mount("", h.node, "", unix.MS_REMOUNT|unix.MS_BIND|oldFlags(a.apply(now.attr)), "")
}
