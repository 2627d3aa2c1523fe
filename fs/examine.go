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
	buffer := viewBuffers.Get().(*[]byte)
	defer viewBuffers.Put(buffer)
	var r *report
	for range torn {
		v, err := readView(ctx, src, size, *buffer)
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

// readView reads both ends into the buffer, at the same time: a disk takes about
// as long for two reads as for one.
func readView(ctx context.Context, src io.ReaderAt, size int64, buffer []byte) (view, error) {
	n := min(viewSize, size)
	v := view{head: buffer[:n], tail: buffer[viewSize : viewSize+n], size: size}
	tail := make(chan error, 1)
	go func() { tail <- read(ctx, src, v.tail, size-n) }()
	err := read(ctx, src, v.head, 0)
	if tailErr := <-tail; err == nil {
		err = tailErr
	}
	return v, err
}

// sweep proves a device without a recognised beginning empty, or says what was
// found instead.
func sweep(ctx context.Context, src io.ReaderAt, size int64, r *report) (Content, error) {
	dirty, blank := false, true
	all, ext := spans(size), extPlaces(size)
	head := aligned(all[0].length)
	rest := aligned(longest(all[1:]))
	for i, s := range all {
		b := head
		if i > 0 {
			b = rest[:s.length]
		}
		if err := read(ctx, src, b, s.offset); err != nil {
			return Content{}, err
		}
		if firstNonZero(b) >= 0 {
			dirty, blank = true, blank && blankMirrors(b, s.offset)
			findLeftovers(b, s.offset, size, ext, r)
		}
	}
	if !dirty {
		return Content{State: Empty, Evidence: []string{fmt.Sprintf("%d places read as zeros", len(all))}}, nil
	}
	findBtrfsBeginning(head, blank, r)
	c, ok := r.verdict()
	if !ok {
		c.State = NonEmptyUnknown
	}
	return c, nil
}

// read fills b from that position on, or fails.
func read(ctx context.Context, src io.ReaderAt, b []byte, offset int64) error {
	for done := 0; done < len(b); {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		part := b[done:min(done+chunkSize, len(b))]
		n, err := src.ReadAt(part, offset+int64(done))
		if n < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("read %d bytes at byte %d: %d came: %w", len(part), offset+int64(done), n, err)
		}
		done += n
	}
	return nil
}
