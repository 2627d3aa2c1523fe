package invariant

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

const unchanged = "an image changes only if a format was intended and allowed"

// An Image is the content of an image file at one moment. Zeros do not count, so
// that an image that was grown since, or had holes filled, is the same.
type Image struct {
	size int64
	sum  [sha256.Size]byte
}

// blockSize is what the sum is made of: blocks that are not zero, each with its
// offset.
const blockSize = 4096

// ImageOf reads an image.
func ImageOf(path string) (i Image, err error) {
	f, err := os.Open(path)
	if err != nil {
		return i, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := sha256.New()
	block, zeros := make([]byte, blockSize), make([]byte, blockSize)
	for at := int64(0); ; at += blockSize {
		if at, err = nextData(f, at); errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return i, err
		}
		n, err := f.ReadAt(block, at)
		clear(block[n:])
		if err != nil && (!errors.Is(err, io.EOF) || n == 0) {
			return i, err
		}
		if !bytes.Equal(block, zeros) {
			_, _ = hash.Write(binary.BigEndian.AppendUint64(nil, uint64(at)))
			_, _ = hash.Write(block)
		}
	}
	info, err := f.Stat()
	if err != nil {
		return i, err
	}
	return Image{size: info.Size(), sum: [sha256.Size]byte(hash.Sum(nil))}, nil
}

// Check compares the image with what it is now. It may have been grown by
// zeros.
func (i Image) Check(path string) []Violation {
	now, err := ImageOf(path)
	switch {
	case err != nil:
		return unknown(unchanged, err)
	case now.size < i.size:
		return violated(unchanged, "%s has shrunk from %d to %d bytes", path, i.size, now.size)
	case now.sum != i.sum:
		return violated(unchanged, "%s was written to", path)
	}
	return nil
}
