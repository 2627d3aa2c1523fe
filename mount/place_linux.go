package mount

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A place is where a mount is to be attached, held open so that it stays the
// one that was looked at.
type place struct {
	path   string
	fd     int
	parent uint64 // unique id of the mount that the place is in; 0 if unknown
	isDir  bool
}

// openPlace opens target, which must be no mount point. It looks first: to open
// a mount point, even for a moment, could keep another process from unmounting
// it.
func (k *Kernel) openPlace(target string) (*place, error) {
	if _, err := k.find(target); err == nil {
		return nil, ErrMounted
	} else if !errors.Is(err, ErrNotMounted) {
		return nil, err
	}
	fd, err := unix.Open(target, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the target: %w", err)
	}
	p := &place{path: target, fd: fd}
	var st unix.Statx_t
	if err = unix.Statx(fd, "", statxFlags|unix.AT_EMPTY_PATH, statxMask, &st); err == nil {
		err = p.accept(st)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *place) accept(st unix.Statx_t) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		p.isDir = true
	case unix.S_IFLNK:
		return errors.New("the target is a symbolic link, not a directory or file")
	}
	if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return ErrMounted
	}
	if st.Mask&unix.STATX_MNT_ID_UNIQUE != 0 {
		p.parent = st.Mnt_id
	}
	return nil
}

func (p *place) close() { _ = unix.Close(p.fd) }

// A detached is a mount that is not in the tree, held by a descriptor.
type detached struct{ fd int }

func (d *detached) close() {
	if d.fd >= 0 {
		_ = unix.Close(d.fd)
		d.fd = -1
	}
}

// attach moves d to the place. Should another process have mounted something
// there meanwhile, d is on top of it: then d is taken away again.
func (k *Kernel) attach(d *detached, p *place) error {
	if err := unix.MoveMount(d.fd, "", p.fd, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("attach the mount: %w", err)
	}
	err := k.proveAlone(d, p)
	if err == nil {
		return nil
	}
	d.close() // it would keep the mount busy
	return errors.Join(err, takeBack(p.path))
}

// undoTime is how long a mount that was made a moment ago may be busy: whoever
// looks for the place to mount there too has it open for an instant.
const undoTime = time.Second

// takeBack removes the topmost mount at path.
func takeBack(path string) error {
	end := time.NewTimer(undoTime)
	defer end.Stop()
	pause := time.NewTicker(undoTime / 1000)
	defer pause.Stop()
	for {
		err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW)
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		select {
		case <-end.C:
			return err
		case <-pause.C:
		}
	}
}

// proveAlone proves that d, now attached, is mounted on what p was opened on
// and not on another mount.
func (k *Kernel) proveAlone(d *detached, p *place) error {
	if p.parent == 0 || !k.Features().Statmount {
		return nil
	}
	var st unix.Statx_t
	if err := unix.Statx(d.fd, "", statxFlags|unix.AT_EMPTY_PATH, statxMask, &st); err != nil {
		return fmt.Errorf("look at the attached mount: %w", err)
	}
	r, err := statmount(st.Mnt_id, statmountMount)
	if err != nil || r.parent == p.parent {
		return err
	}
	return fmt.Errorf("%w: by another process, just now", ErrMounted)
}
