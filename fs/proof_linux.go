package fs

import (
	"context"
	"time"
)

// proofAge is how long a proof of emptiness may be used for a format. It is no
// longer than what a format takes from its proof to its mkfs anyway.
const proofAge = time.Second

// A proof says that a probe has proven a device of that size to be empty, under
// the lock that is still held.
type proof struct {
	since time.Time // before the first read
	size  int64
}

// prove remembers what a probe has found.
func (d *Device) prove(since time.Time, size int64, c Content) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.proof = proof{}
	if d.locked && c.State == Empty {
		d.proof = proof{since, size}
	}
}

// takeProof returns the proof, which is good for one use.
func (d *Device) takeProof() proof {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.proof
	d.proof = proof{}
	return p
}

// probeForFormat is Probe for whoever is about to format. A caller of Format has
// most often just probed, under the same lock: then the proof that this gave is
// the proof, and only both ends are read again, where whoever does not care for
// the lock would write first.
func (d *Device) probeForFormat(ctx context.Context) (Content, error) {
	p := d.takeProof()
	if p.size == 0 || time.Since(p.since) > proofAge {
		return d.Probe(ctx)
	}
	blank, err := d.blankEnds(ctx, p.size)
	if err != nil || !blank {
		return d.Probe(ctx)
	}
	return Content{State: Empty, Evidence: []string{"it has just been proven empty"}}, nil
}

// blankEnds reports whether the device still has that size, and zeros at both
// ends.
func (d *Device) blankEnds(ctx context.Context, size int64) (bool, error) {
	src, err := d.openDirect()
	if err != nil {
		return false, err
	}
	defer func() { _ = src.Close() }()
	buffer := viewBuffers.Get().(*[]byte)
	defer viewBuffers.Put(buffer)
	v, err := readView(ctx, src, src.size, *buffer)
	return err == nil && src.size == size && allZero(v.head) && allZero(v.tail), err
}
