package ebsstats

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// page makes a log page: the numbers after the magic, and bins of reads and writes.
func page(numbers []uint64, reads, writes []Bin) []byte {
	p := make([]byte, Length)
	binary.LittleEndian.PutUint32(p, magic)
	for i, n := range numbers {
		binary.LittleEndian.PutUint64(p[8+8*i:], n)
	}
	for at, bins := range map[int][]Bin{512: reads, 2056: writes} {
		binary.LittleEndian.PutUint64(p[at:], uint64(len(bins)))
		for i, b := range bins {
			for j, n := range []uint64{uint64(b.Lower.Microseconds()), uint64(b.Upper.Microseconds()), b.Count} {
				binary.LittleEndian.PutUint64(p[at+8+24*i+8*j:], n)
			}
		}
	}
	return p
}

func TestParse(t *testing.T) {
	reads := []Bin{{0, time.Microsecond, 3}, {time.Microsecond, 4 * time.Millisecond, 5}}
	writes := make([]Bin, maxBins)
	for i := range writes {
		writes[i] = Bin{time.Duration(i) * time.Second, time.Duration(i+1) * time.Second, uint64(i)}
	}
	got, err := Parse(page([]uint64{1, 2, 3, 4, 5e6, 6e6, 7, 8, 9, 10, 11}, reads, writes))
	require.NoError(t, err)
	require.Equal(t, Statistics{
		ReadOps: 1, WriteOps: 2, ReadBytes: 3, WriteBytes: 4, ReadTime: 5 * time.Second, WriteTime: 6 * time.Second,
		VolumeIOPSExceeded: 7 * time.Microsecond, VolumeThroughputExceeded: 8 * time.Microsecond,
		InstanceIOPSExceeded: 9 * time.Microsecond, InstanceThroughputExceeded: 10 * time.Microsecond,
		QueueLength: 11, ReadLatency: reads, WriteLatency: writes,
	}, got)
}

func TestParse_OfWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(p []byte) []byte
		says string
	}{
		"empty":      {func([]byte) []byte { return nil }, "it has 0 bytes"},
		"short":      {func(p []byte) []byte { return p[:3599] }, "it has 3599 bytes, want 3600"},
		"zeros":      {func([]byte) []byte { return make([]byte, Length) }, "it begins with 0x0"},
		"other data": {func(p []byte) []byte { p[0]++; return p }, "it begins with 0x3c23b511"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.edit(page(nil, nil, nil)))
			require.ErrorIs(t, err, ErrNoStatistics)
			require.ErrorContains(t, err, c.says)
		})
	}
	_, err := Parse(page(nil, nil, nil)[:3600])
	require.NoError(t, err, "what follows is not used")
}

// TestParse_HugeNumbers: none makes it read outside of the page, or a time less
// than nothing.
func TestParse_HugeNumbers(t *testing.T) {
	p := page([]uint64{1, 1, 1, 1, math.MaxUint64}, nil, nil)
	binary.LittleEndian.PutUint64(p[512:], math.MaxUint64)
	s, err := Parse(p)
	require.NoError(t, err)
	require.Len(t, s.ReadLatency, maxBins)
	require.Positive(t, s.ReadTime)
}

func FuzzParse(f *testing.F) {
	f.Add(page([]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, []Bin{{0, 1000, 1}}, []Bin{{0, 1000, 1}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, p []byte) {
		s, err := Parse(p)
		if err != nil {
			require.ErrorIs(t, err, ErrNoStatistics)
			return
		}
		for _, bins := range [][]Bin{s.ReadLatency, s.WriteLatency} {
			require.LessOrEqual(t, len(bins), maxBins)
			_, buckets := cumulative(bins)
			require.LessOrEqual(t, len(buckets), len(bins))
		}
		require.GreaterOrEqual(t, min(s.ReadTime, s.WriteTime, s.VolumeIOPSExceeded), time.Duration(0))
	})
}
