package fs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A directReader reads a device past the page cache, which may hold what was
// there before another node wrote (finding: a kept-open device still showed
// "unformatted").
type directReader struct {
	file   *os.File
	size   int64
	align  int64 // of positions and lengths: the logical block size
	direct bool
}

// openDirect opens d for direct reading. Where the driver refuses O_DIRECT the
// page cache is dropped first and then read through.
func (d *Device) openDirect() (*directReader, error) {
	size, err := d.Size()
	if err != nil {
		return nil, err
	}
	r := &directReader{size: size, direct: true}
	if r.file, err = d.reopen(os.O_RDONLY | unix.O_DIRECT); errors.Is(err, unix.EINVAL) {
		r.direct = false
		r.file, err = d.reopen(os.O_RDONLY)
	}
	if err != nil {
		return nil, err
	}
	if err := r.prepare(); err != nil {
		_ = r.file.Close()
		return nil, fmt.Errorf("read %s: %w", d, err)
	}
	return r, nil
}

func (r *directReader) prepare() error {
	if !r.direct {
		if err := dropCache(r.file); err != nil {
			return fmt.Errorf("drop its page cache, since it refuses O_DIRECT: %w", err)
		}
	}
	var block int32
	if err := ioctl(r.file, unix.BLKSSZGET, unsafe.Pointer(&block)); err != nil {
		return fmt.Errorf("logical block size: %w", err)
	}
	r.align = int64(block)
	return nil
}

// Close lets go of the file.
func (r *directReader) Close() error { return r.file.Close() }

// ReadAt reads whole blocks, straight into p where its place and length allow
// it, and else into a buffer from which what was asked for is copied.
func (r *directReader) ReadAt(p []byte, offset int64) (done int, err error) {
	for done < len(p) {
		var n int
		at, rest := offset+int64(done), p[done:]
		if whole := int64(len(rest)) / r.align * r.align; at%r.align == 0 && whole > 0 && isAligned(rest) {
			n, err = r.pread(rest[:whole], at)
		} else {
			n, err = r.readPart(rest, at)
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// readPart reads into a buffer and copies.
func (r *directReader) readPart(p []byte, offset int64) (int, error) {
	skip := offset % r.align
	want := min(skip+int64(len(p)), chunkSize)
	want = min((want+r.align-1)/r.align*r.align, r.size-(offset-skip))
	if want <= skip {
		return 0, io.EOF
	}
	buffer := aligned(want)
	n, err := r.pread(buffer, offset-skip)
	if err == nil && int64(n) <= skip {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, err
	}
	return copy(p, buffer[skip:n]), nil
}

// pread reads at least one byte.
func (r *directReader) pread(p []byte, offset int64) (int, error) {
	for {
		n, err := unix.Pread(int(r.file.Fd()), p, offset)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.ErrUnexpectedEOF
		}
		return n, nil
	}
}

// dropCache writes the device's dirty pages and forgets the clean ones.
func dropCache(f *os.File) error { return ioctl(f, unix.BLKFLSBUF, nil) }
