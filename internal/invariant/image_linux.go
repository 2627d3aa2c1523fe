package invariant

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// nextData is the offset, a multiple of the block size, of the next block at or
// after at that is no hole; io.EOF if there is none.
func nextData(f *os.File, at int64) (int64, error) {
	next, err := f.Seek(at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return 0, io.EOF
	}
	return next - next%blockSize, err
}
