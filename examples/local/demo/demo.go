package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	kib = int64(1) << 10
	mib = int64(1) << 20
	gib = int64(1) << 30
)

// A demo is what the chapters share: a temporary directory with everything in
// it, the driver, and the cast of volumes.
type demo struct {
	tell   *story
	dir    string
	driver *driver
	fresh  []string // the files when the driver had just started

	data     *volume // ext4; stays in use to the end
	grown    *volume // xfs; grows, then is the source of copies
	restored *volume
	clone    *volume
	raw      *volume // block
	crash    *volume // made while the driver is killed
	snapshot string  // id
}

// newDemo makes the temporary directory.
func newDemo(tell *story) (*demo, error) {
	dir, err := os.MkdirTemp("", "csikit-demo-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // the mount table has no symbolic links
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "pool"), 0o700); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	drv, err := newDriver(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &demo{tell: tell, dir: dir, driver: drv,
		data:     newVolume("data", "ext4", gib),
		grown:    newVolume("grown", "xfs", 512*mib),
		restored: newVolume("restored", "xfs", 2*gib),
		clone:    newVolume("clone", "xfs", gib),
		raw:      newBlockVolume("raw", 64*mib),
		crash:    newVolume("crash", "xfs", gib),
	}, nil
}

func (d *demo) chapters() []chapter {
	return []chapter{
		d.introduction(), d.provisioning(), d.growth(), d.copies(), d.rawBlock(),
		d.inline(), d.listing(), d.wrongRequests(), d.crashRecovery(), d.farewell(),
	}
}

// cleanup stops the driver and removes everything below the temporary
// directory, whatever state the story was left in. After a success there is
// nothing to undo but the directory.
func (d *demo) cleanup(failed bool) error {
	errs := []error{d.driver.stop(), d.driver.conn.Close()}
	if failed {
		errs = append(errs, d.undo())
	}
	left, err := findLeftovers(d.dir)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	if len(left.mounts) > 0 || len(left.loops) > 0 { // deleting files now could delete a volume's data
		return errors.Join(append(errs, fmt.Errorf("left in place: %s", left))...)
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}
