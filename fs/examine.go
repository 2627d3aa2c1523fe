package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	viewSize  = 256 << 10 // of each end, enough for every recogniser
	chunkSize = 1 << 20   // of a long read, between two looks at the context
	torn      = 3         // times that a superblock in the middle of a write is read
)

// examine says what is on a device of that size, by reading alone. It returns
// Empty if nothing but zeros was read: the caller asks the second witness.
//
// The error, with State Unreadable, is that of the first read that failed or
// fell short, or of ctx.
func examine(ctx context.Context, src io.ReaderAt, size int64) (Content, error) {
	if size <= 0 {
		return Content{}, fmt.Errorf("its size is %d bytes: %w", size, io.ErrUnexpectedEOF)
	}
	var r *report
	for range torn {
		v, err := readView(ctx, src, size)
		if err != nil {
			return Content{}, err
		}
		r = &report{}
		for _, recognise := range recognisers {
			recognise(v, r)
		}
		if !r.torn {
			break
		}
	}
	if c, ok := r.verdict(); ok {
		return c, nil
	}
	return sweep(ctx, src, size, r)
}

// readView reads both ends.
func readView(ctx context.Context, src io.ReaderAt, size int64) (v view, err error) {
	n := min(viewSize, size)
	v.size = size
	if v.head, err = read(ctx, src, span{0, n}); err != nil {
		return view{}, err
	}
	if v.tail, err = read(ctx, src, span{size - n, n}); err != nil {
		return view{}, err
	}
	return v, nil
}

// sweep proves a device without a recognised beginning empty, or says what was
// found instead.
func sweep(ctx context.Context, src io.ReaderAt, size int64, r *report) (Content, error) {
	var head []byte
	var dirty []span
	all := spans(size)
	for _, s := range all {
		b, err := read(ctx, src, s)
		if err != nil {
			return Content{}, err
		}
		if s.offset == 0 {
			head = b
		}
		if firstNonZero(b) >= 0 {
			dirty = append(dirty, s)
			findLeftovers(b, s.offset, size, r)
		}
	}
	if len(dirty) == 0 {
		return Content{State: Empty, Evidence: []string{fmt.Sprintf("%d places read as zeros", len(all))}}, nil
	}
	findBtrfsBeginning(head, blankMirrors(dirty), r)
	c, ok := r.verdict()
	if !ok {
		c.State = NonEmptyUnknown
	}
	return c, nil
}

// read reads all of s, or fails.
func read(ctx context.Context, src io.ReaderAt, s span) ([]byte, error) {
	b := make([]byte, s.length)
	for done := int64(0); done < s.length; {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		part := b[done:min(done+chunkSize, s.length)]
		n, err := src.ReadAt(part, s.offset+done)
		if n < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("read %d bytes at byte %d: %d came: %w", len(part), s.offset+done, n, err)
		}
		done += int64(n)
	}
	return b, nil
}
