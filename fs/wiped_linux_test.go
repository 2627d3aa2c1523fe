package fs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// R1: whatever geometry the options give to a file system that has copies of its
// superblock, it is not empty when its first 4 MiB, an object of an RBD image or
// a chunk of a thin pool, read as zeros. The seed is fixed: CI asks the same
// each time, and WIPED_SEED asks something else.
func TestR1_AWipedBeginningOfOurOwnOptions(t *testing.T) {
	const gib = 1 << 30
	type made struct {
		kind    string
		size    int64
		options map[string]string
	}
	cases := []made{
		{"xfs", 3 * gib, map[string]string{"agCount": "37"}},
		{"xfs", 9 * gib, map[string]string{"agCount": "64"}},
		{"xfs", 5*gib + 4096, map[string]string{"agCount": "7", "blockSize": "64k"}},
		{"ext4", 9 * gib, map[string]string{"ext4BigAlloc": "true", "ext4ClusterSize": "128k"}},
		{"ext4", 5 * gib, map[string]string{"blockSize": "1k", "ext4BigAlloc": "true", "ext4ClusterSize": "256k"}},
	}
	seed, _ := strconv.ParseUint(os.Getenv("WIPED_SEED"), 10, 64)
	random := rand.New(rand.NewPCG(seed, 5))
	power := func(least, most int) int { return 1 << (least + random.IntN(most-least+1)) }
	for range 10 {
		size := (2<<30 + random.Int64N(10*gib)) &^ 511
		cases = append(cases, made{"xfs", size, map[string]string{
			"blockSize": strconv.Itoa(power(10, 16)), "agCount": strconv.Itoa(2 + random.IntN(min(xfsMostGroups, int(size/(96<<20)))-1)),
		}})
		block := power(10, 12)
		options := map[string]string{"blockSize": strconv.Itoa(block), "numberOfInodes": "1024"}
		if cluster := block << random.IntN(9); cluster > block {
			maps.Copy(options, map[string]string{"ext4BigAlloc": "true", "ext4ClusterSize": strconv.Itoa(cluster)})
			size = max(size, 17*int64(block)*int64(cluster)) // two groups: one has no copy
		}
		cases = append(cases, made{"ext4", size, options})
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %d %v", c.kind, c.size, c.options), func(t *testing.T) {
			d, image := newDevice(t, c.size)
			require.NoError(t, d.Format(t.Context(), Format{Type: c.kind, UUID: unique(c.kind).UUID, Options: c.options}))
			content := wiped(t, d, image)
			require.Equal(t, NonEmptyUnknown, content.State, "%v", content)
			require.Contains(t, content.String(), "copy of the superblock", "not by luck")
		})
	}
}

// R1: an ext file system of one group has no copy of its superblock, so that all
// of a device is read that is small enough to have such a one by default.
func TestR1_AWipedBeginningOfOneGroup(t *testing.T) {
	for _, kind := range []string{"ext2", "ext4"} {
		for _, size := range []int64{16 << 20, 100<<20 + 512, few} {
			t.Run(fmt.Sprintf("%s %d", kind, size), func(t *testing.T) {
				d, image := newDevice(t, size)
				require.NoError(t, d.Format(t.Context(), Format{Type: kind, UUID: unique(kind).UUID, Options: map[string]string{"blockSize": "4k"}}))
				f, err := os.OpenFile(image, os.O_WRONLY, 0)
				require.NoError(t, err)
				_, err = f.WriteAt([]byte("what a user wrote"), 10<<20+100)
				require.NoError(t, err)
				require.NoError(t, f.Close())
				content := wiped(t, d, image)
				require.Equal(t, NonEmptyUnknown, content.State, "%v", content)
			})
		}
	}
}

// wiped is what is found when the beginning of the image reads as zeros.
func wiped(t *testing.T, d *Device, image string) Content {
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, edge), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, dropCache(d.file))
	content, err := d.Probe(t.Context())
	require.NoError(t, err)
	return content
}
