// Package image copies and sizes disk images: large files with holes.
package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/csikit/csikit/internal/crashpoint"
)

// ErrNoReflink says that the file system cannot share the blocks of two files.
var ErrNoReflink = errors.New("the file system has no reflink")

// chunk is how much is copied between two looks at the context.
const chunk = 16 << 20

// reportEvery is how often a copy says in the log how far it is.
const reportEvery = 5 * time.Second

// Copy copies the data of src to the empty file dst and leaves holes where src
// has holes, as large as src. Every five seconds it says in the log how far it
// is. It is no snapshot: src must not be written meanwhile. When ctx ends it
// returns its cause; dst then holds a part.
func Copy(ctx context.Context, dst, src *os.File, log *slog.Logger) error {
	info, err := src.Stat()
	if err != nil {
		return err
	}
	crashpoint.Step("image copy")
	var copied int64
	report := time.Now().Add(reportEvery)
	for at, end := int64(0), int64(0); at < info.Size(); {
		if at == end {
			if at, end, err = nextData(src, at, info.Size()); err != nil {
				return fmt.Errorf("find the data of %s: %w", src.Name(), err)
			}
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("copy %s: given up after %d of %d bytes, to begin anew (if that is the operation timeout, raise it): %w",
				src.Name(), copied, Allocated(info), context.Cause(ctx))
		}
		n, err := copyRange(dst, src, at, min(chunk, end-at))
		if err != nil {
			return fmt.Errorf("copy %s at offset %d: %w", src.Name(), at, err)
		}
		at, copied = at+n, copied+n
		if time.Now().After(report) {
			report = time.Now().Add(reportEvery)
			log.InfoContext(ctx, "copying an image", "file", src.Name(), "copied", copied, "of", Allocated(info))
		}
	}
	return dst.Truncate(info.Size())
}

// copyRange copies n bytes at offset at, within the kernel where it can
// (copy_file_range(2)).
func copyRange(dst, src *os.File, at, n int64) (int64, error) {
	_, err1 := src.Seek(at, io.SeekStart)
	_, err2 := dst.Seek(at, io.SeekStart)
	if err := errors.Join(err1, err2); err != nil {
		return 0, err
	}
	return io.CopyN(dst, src, n)
}

// Resize makes f at least size bytes large and, if it is to be thick, allocates
// all its blocks. It never shrinks a file. On an error the size is what it was,
// and what was allocated beyond is free again.
func Resize(f *os.File, size int64, thick bool) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size = max(size, info.Size())
	if thick {
		crashpoint.Step("image allocate")
		if err := allocate(f, size); err != nil {
			return errors.Join(fmt.Errorf("allocate %d bytes for %s: %w", size, f.Name(), err), f.Truncate(info.Size()))
		}
	}
	if size == info.Size() {
		return nil
	}
	crashpoint.Step("image truncate")
	return f.Truncate(size)
}
