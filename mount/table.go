package mount

import (
	"context"
	"errors"
	"os"

	"github.com/csikit/csikit/internal/watch"
)

// A Table makes, finds and undoes mounts. [Kernel] is the real one;
// mounttest.Table is one in memory. All methods may be called concurrently;
// calls about one target must be serialised by the caller.
//
// Every method may be repeated after an error: what it did not finish it has
// undone, or the repetition finds it. When ctx ends, a method stops before
// its next step; a step that the kernel is in the middle of is waited for.
type Table interface {
	// Mount makes a mount of m and attaches it at target, an existing
	// directory. What becomes visible at target has been verified first: a
	// wrong device never shows. A mount that is already there is
	// [ErrMounted], never stacked upon: see Find. A device whose file
	// system is alive elsewhere is [ErrBusy], another device than m.Device
	// is [ErrWrongDevice], an option refused is [ErrOption].
	Mount(ctx context.Context, m Mount, target string) error
	// Bind attaches the source of b (a directory, or a file such as a device
	// node) at its target, an existing directory or file, with the
	// attributes of b in one step: a read-only bind is never writable, not
	// even for a moment. Mounts below the source are not bound. A mount
	// that is already at the target is [ErrMounted].
	Bind(ctx context.Context, b Binding) error
	// Find describes the topmost mount at target, or [ErrNotMounted] if
	// target is not a mount point or does not exist. A symbolic link is not
	// a mount point. It never touches the device. A mount that is there but
	// does not work any more is no error: see [Info.Dead].
	Find(target string) (Info, error)
	// Unmount removes all mounts stacked at target and returns when none is
	// left. A target that is not mounted or does not exist is done. A mount
	// in use is [ErrBusy]. Nothing is detached lazily, except a share that
	// is dead ([Info.Dead] is ENOTCONN or ESTALE), which holds no data that
	// could still be written.
	Unmount(ctx context.Context, target string) error
	// Others lists where else there is a mount of what i, a result of Find,
	// shows: the same directory or file of the same file system. It looks at
	// all mounts of this namespace. An empty list is no proof that nothing is
	// mounted: on old kernels the list can lack a mount (R18).
	Others(i Info) ([]string, error)
}

// A Mount is a file system to be mounted.
type Mount struct {
	// Type is the file system's type. "bind" binds the directory Source.
	Type string
	// Source is a share's source; it is not used if Device is set.
	Source string
	// Device is the open block device to mount; nil for shares. The device
	// below the mount is checked to be this one.
	Device *os.File
	// Options are superblock and per-mount options. They must be well
	// formed; whether they are allowed is for [CheckOptions]. A Secret one is
	// possible only where it needs no argument of a command: in mounts that
	// need no helper, and as the password of cifs.
	Options []Option
	// ReadOnly makes the file system and the mount read-only, whatever
	// Options say.
	ReadOnly bool
	// Living, if not nil, is for a file system on Device that is alive
	// already, since another mount namespace has a mount of it: Mount makes
	// one more mount of that file system instead of [ErrBusy]. It keeps the
	// options that it has, which the caller compares with [Info.Options];
	// one that is read-only while ReadOnly is not set is [ErrBusy] too, and is
	// not made writable. Living is called when Mount holds the file system,
	// before anything shows at the target, to prove that it is the one that is
	// meant; its error ends Mount. Kernels without fsopen(2) have no such
	// mounts: see [Features.NewMount].
	Living func() error
}

// A Binding is a bind mount.
type Binding struct {
	// Source is a directory or file, or the path of an open one below
	// /proc/self/fd.
	Source string
	// Target is an existing directory or file, as Source is.
	Target string
	// ReadOnly makes this mount read-only and leaves its file system alone.
	ReadOnly bool
	// Writable takes from this mount, unless ReadOnly is set, that the
	// source's mount is read-only. A read-only file system stays so.
	Writable bool
	// Options: those that a mount (not a superblock) can have take effect:
	// nodev, nosuid, noexec, noatime, nodiratime, relatime, strictatime,
	// nosymfollow. Others belong to the staged mount: SELinux contexts must be
	// its own, the rest is ignored.
	Options []Option
}

// Info describes the topmost mount at a path.
type Info struct {
	// ID is the kernel's id of the mount, never used again on new kernels.
	ID uint64
	// Device is the device number of the file system. That of a btrfs, a
	// share or a tmpfs is an anonymous one.
	Device uint64
	// Rdev is the number of the device that the path is the node of, 0 if
	// the path is not a device node. It identifies a bound raw device.
	Rdev uint64
	// Root is the path within the file system that is mounted, "/" for all
	// of it.
	Root string
	// Type and Source are those of the mount table.
	Type, Source string
	// ReadOnly says that nothing can be written through this mount;
	// SuperReadOnly that the file system is read-only as a whole.
	ReadOnly, SuperReadOnly bool
	// Flags are the per-mount options in effect, by the names that
	// [Binding.Options] has.
	Flags []string
	// Options are the file system's options as the kernel shows them.
	Options []string
	// Layers counts the mounts stacked at the path; 1 is the normal case.
	Layers int
	// Dead is nil for a mount that works. Otherwise it is the reason why
	// it does not: ENOTCONN for a FUSE file system whose daemon has gone,
	// ESTALE for a share that the server has lost, EIO for a file system
	// that has shut itself down, [ErrNoAnswer] for a share that is silent.
	// Of a dead mount, Rdev is unknown.
	Dead error
}

var (
	// ErrNotMounted says that a path is no mount point.
	ErrNotMounted = errors.New("not mounted")
	// ErrMounted says that something is mounted at the target already.
	ErrMounted = errors.New("already mounted")
	// ErrBusy says that a mount, or the device below it, is in use.
	ErrBusy = errors.New("in use")
	// ErrOption says that an option is malformed or not allowed; nothing
	// was mounted.
	ErrOption = errors.New("bad mount option")
	// ErrWrongDevice says that another device than the one given would
	// have been mounted; nothing was attached.
	ErrWrongDevice = errors.New("wrong device")
	// ErrSameUUID says that this kernel does not mount a clone beside its
	// origin: a btrfs with the same UUID is mounted on this node, or was
	// and is still known. Nothing was attached.
	ErrSameUUID = errors.New("a file system with the same UUID is in use")
	// ErrNoAnswer says that a share did not answer in time. It may come
	// back: nothing of it may be given up.
	ErrNoAnswer = watch.ErrNoAnswer
)
