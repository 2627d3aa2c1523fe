package ebsstats

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

const (
	// Page is the log page with the statistics.
	Page = 0xD0
	// Length is the length of that page in bytes.
	Length = 4096

	magic     = 0x3C23B510
	histogram = 512 // where the first one begins
	maxBins   = 64
	binSize   = 3 * 8
)

// ErrNoStatistics says that a log page has something else.
var ErrNoStatistics = errors.New("not a page of EBS statistics")

// Statistics are what EBS has counted since the volume was attached.
type Statistics struct {
	ReadOps, WriteOps     uint64
	ReadBytes, WriteBytes uint64
	ReadTime, WriteTime   time.Duration
	// How long more was asked for than the volume, or the instance, allows.
	VolumeIOPSExceeded, VolumeThroughputExceeded     time.Duration
	InstanceIOPSExceeded, InstanceThroughputExceeded time.Duration
	QueueLength                                      uint64
	ReadLatency, WriteLatency                        []Bin
}

// A Bin counts the operations whose latency was at least Lower and less than Upper.
type Bin struct {
	Lower, Upper time.Duration
	Count        uint64
}

// Parse reads a log page. Times in it are in microseconds. The error wraps
// [ErrNoStatistics].
func Parse(page []byte) (s Statistics, err error) {
	const whole = histogram + 2*(8+maxBins*binSize)
	if len(page) < whole {
		return s, fmt.Errorf("%w: it has %d bytes, want %d", ErrNoStatistics, len(page), whole)
	}
	number := func(at int) uint64 { return binary.LittleEndian.Uint64(page[at:]) }
	if got := binary.LittleEndian.Uint32(page); got != magic {
		return s, fmt.Errorf("%w: it begins with %#x", ErrNoStatistics, got)
	}
	micro := func(at int) time.Duration { return microseconds(number(at)) }
	s = Statistics{
		ReadOps: number(8), WriteOps: number(16), ReadBytes: number(24), WriteBytes: number(32),
		ReadTime: micro(40), WriteTime: micro(48),
		VolumeIOPSExceeded: micro(56), VolumeThroughputExceeded: micro(64),
		InstanceIOPSExceeded: micro(72), InstanceThroughputExceeded: micro(80),
		QueueLength: number(88),
	}
	bins := func(at int) (all []Bin) {
		for i := range int(min(number(at), maxBins)) {
			bin := at + 8 + i*binSize
			all = append(all, Bin{micro(bin), micro(bin + 8), number(bin + 16)})
		}
		return all
	}
	s.ReadLatency, s.WriteLatency = bins(histogram), bins(histogram+8+maxBins*binSize)
	return s, nil
}

// microseconds does not overflow: the longest time is 292 years.
func microseconds(n uint64) time.Duration {
	const most = uint64(1<<63-1) / uint64(time.Microsecond)
	return time.Duration(min(n, most)) * time.Microsecond
}
