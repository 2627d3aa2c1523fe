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
// "unformatted"). It is an [io.ReaderAt] of one goroutine.
type directReader struct {
	file   *os.File
	size   int64
	align  int64  // of positions and lengths: the logical block size
	buffer []byte // aligned to a page
	direct bool
}

// directBuffer is the most that one read(2) takes.
const directBuffer = chunkSize

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
	buffer, err := unix.Mmap(-1, 0, directBuffer, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	r.buffer = buffer
	return err
}

// Close lets go of the file and the buffer.
func (r *directReader) Close() error {
	return errors.Join(unix.Munmap(r.buffer), r.file.Close())
}

// ReadAt reads whole blocks and copies what was asked for.
func (r *directReader) ReadAt(p []byte, offset int64) (done int, err error) {
	for done < len(p) {
		at := offset + int64(done)
		skip := at % r.align
		want := min(skip+int64(len(p)-done), directBuffer)
		want = min((want+r.align-1)/r.align*r.align, r.size-(at-skip))
		if want <= skip {
			return done, io.EOF
		}
		n, err := unix.Pread(int(r.file.Fd()), r.buffer[:want], at-skip)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, err
		}
		if int64(n) <= skip {
			return done, io.ErrUnexpectedEOF
		}
		done += copy(p[done:], r.buffer[skip:n])
	}
	return done, nil
}

// dropCache writes the device's dirty pages and forgets the clean ones.
func dropCache(f *os.File) error { return ioctl(f, unix.BLKFLSBUF, nil) }
