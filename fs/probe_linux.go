package fs

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Probe says what is on the device (R1). It writes nothing, and reads past the
// page cache, so that it sees what another node wrote. It may be called at any
// time, also while the device is mounted.
//
// The State is Unreadable if and only if there is an error: that of the first
// read which failed or fell short, of blkid, or of ctx. ctx is looked at
// between reads; one read of a device that does not answer cannot be stopped.
// The probe may be repeated.
//
// What is recognised is told from 512 KiB. Only a device that seems to be empty
// is read at all the places of [Empty], and shown to blkid, which must agree.
func (d *Device) Probe(ctx context.Context) (Content, error) {
	since := time.Now()
	c, size, err := d.examine(ctx)
	if err == nil && c.State == Empty {
		c, err = d.corroborate(ctx, c)
	}
	if err != nil {
		err = fmt.Errorf("probe %s: %w", d, err)
		c = Content{Evidence: []string{err.Error()}}
	}
	d.prove(since, size, c)
	return c, err
}

// examine is our own reading, of a device of that size.
func (d *Device) examine(ctx context.Context) (c Content, size int64, err error) {
	src, err := d.openDirect()
	if err != nil {
		return Content{}, 0, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	c, err = examine(ctx, src, src.size)
	return c, src.size, err
}

// corroborate asks blkid about a device that reads as empty. It reads through
// the page cache, so what that has of old is dropped first, if that is allowed:
// an old cache can only make it object.
func (d *Device) corroborate(ctx context.Context, c Content) (Content, error) {
	_ = dropCache(d.file)
	r, err := d.run(ctx, "blkid", blkidArgs(toolDevice)...)
	if err != nil {
		return Content{}, err
	}
	w, err := parseBlkid(r.ExitCode, r.Stdout, r.Stderr)
	if err != nil {
		return Content{}, err
	}
	if found := w.finds(); found != "" {
		return Content{State: Ambiguous, Evidence: append(c.Evidence, "blkid finds "+found)}, nil
	}
	c.Evidence = append(c.Evidence, "blkid finds nothing")
	return c, nil
}
