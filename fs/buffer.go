package fs

import (
	"sync"
	"unsafe"
)

// memoryAlign is what the drivers of disks demand of memory that is read into
// past the page cache: at most the size of a logical block.
const memoryAlign = 4 << 10

// aligned returns n bytes that can be read into past the page cache.
func aligned(n int64) []byte {
	b := make([]byte, n+memoryAlign)
	skip := -uintptr(unsafe.Pointer(&b[0])) & (memoryAlign - 1)
	return b[skip : int64(skip)+n : int64(skip)+n]
}

func isAligned(b []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))&(memoryAlign-1) == 0
}

// viewBuffers are for both ends of a device. They are used again: a probe of
// what is known would do little else than to have memory cleared and collected.
var viewBuffers = sync.Pool{New: func() any { b := aligned(2 * viewSize); return &b }}
