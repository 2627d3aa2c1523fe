package fs

import (
	"bytes"
	"cmp"
	"slices"
)

// A span is a part of a device.
type span struct{ offset, length int64 }

func (s span) end() int64 { return s.offset + s.length }

const (
	edge      = 4 << 20   // what must be zero at the beginning and at the end
	few       = 128 << 20 // a device of up to that many bytes is read whole
	placeSize = 4 << 10   // what is read at each place of a copy
)

// spans returns what must read as zeros for a device of that size to be empty
// (R1): both ends, and every place where a file system that lost its beginning
// would still have a copy of its superblock. Sorted, without overlaps. All of a
// small device is read: an ext file system of that size has one group, and no
// copy.
func spans(size int64) []span {
	if size <= few {
		return whole(size)
	}
	all := []span{{0, min(edge, size)}, {max(0, size-edge), min(edge, size)}}
	for _, places := range [][]int64{extPlaces(size), xfsPlaces(size), btrfsMirrors[:]} {
		for _, at := range places {
			at -= at % placeSize
			if at > 0 && at < size {
				all = append(all, span{at, min(2*placeSize, size-at)})
			}
		}
	}
	return join(all)
}

func whole(size int64) (all []span) {
	for at := int64(0); at < size; at += edge {
		all = append(all, span{at, min(edge, size-at)})
	}
	return all
}

// join sorts spans and merges those that touch.
func join(all []span) (joined []span) {
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.offset, b.offset) })
	for _, s := range all {
		if n := len(joined); n > 0 && s.offset <= joined[n-1].end() {
			joined[n-1].length = max(joined[n-1].end(), s.end()) - joined[n-1].offset
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// longest is the length of the longest span.
func longest(all []span) (n int64) {
	for _, s := range all {
		n = max(n, s.length)
	}
	return n
}

// extPlaces lists where ext2, ext3 and ext4 have copies of the superblock: at
// the beginning of the groups 1, 3^n, 5^n, 7^n (sparse_super) and of the last
// one (sparse_super2), for every block size; and of the first few of these for
// every cluster size (bigalloc). Source: mke2fs(8), ext4(5).
func extPlaces(size int64) (places []int64) {
	const mostInGroup, largestCluster = 1<<16 - 8, 256 << 20
	for block := int64(1 << 10); block <= 64<<10; block *= 2 {
		for cluster := block; cluster <= largestCluster; cluster *= 2 {
			group := min(8*block, mostInGroup) * cluster // bytes: a bitmap of one block covers it
			first, last := int64(0), (size-1)/group
			if cluster == 1<<10 {
				first = block // group 0 begins at block 1
			}
			most := last
			if cluster > block {
				most = min(last, 9)
			}
			places = append(places, group+first, last*group+first)
			for _, base := range []int64{3, 5, 7} {
				for g := base; g <= most; g *= base {
					places = append(places, g*group+first)
				}
			}
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// xfsMostGroups bounds into how many groups the option agCount divides a volume:
// each number has a place that every probe of an empty device reads.
const xfsMostGroups = 64

// xfsPlaces lists where xfs has the superblocks of its second allocation
// group, for every number of groups and block size, of all four groups that
// mkfs.xfs makes by default, and every TiB, which is the largest group.
func xfsPlaces(size int64) (places []int64) {
	const block, largestBlock, smallest, largest = 4 << 10, 64 << 10, 16 << 20, 1 << 40
	for groups := int64(2); groups <= min(xfsMostGroups, size/smallest+1); groups++ {
		// The size is rounded down to blocks, and that of a group up.
		for at := (size - largestBlock) / groups; at < size/groups+largestBlock; at += placeSize {
			places = append(places, at)
		}
	}
	quarter := (size/block + 3) / 4 * block
	places = append(places, quarter, 2*quarter, 3*quarter)
	for at := int64(largest); at < size && at <= 256*largest; at += largest {
		places = append(places, at)
	}
	return places
}

var zeros [64 << 10]byte

// allZero reports whether b has only zeros, and at least one.
func allZero(b []byte) bool { return len(b) > 0 && firstNonZero(b) < 0 }

// firstNonZero returns the index of the first byte that is not zero, or -1.
func firstNonZero(b []byte) int64 {
	for base := 0; base < len(b); base += len(zeros) {
		part := b[base:min(base+len(zeros), len(b))]
		if !bytes.Equal(part, zeros[:len(part)]) {
			return int64(base + bytes.IndexFunc(part, func(c rune) bool { return c != 0 }))
		}
	}
	return -1
}
