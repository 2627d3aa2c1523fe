package fs

import (
	"errors"
	"slices"
)

// A leftover is what a device without a recognised beginning still holds. It
// is never empty; the search only tells what it may have been, and finds the
// few things that are known by something else than their beginning.

// findLeftovers looks into b, which was read at offset and is not all zeros. ext
// are the places of [extPlaces].
func findLeftovers(b []byte, offset, size int64, ext []int64, r *report) {
	r.note("data at byte %d", offset+firstNonZero(b))
	window := func(at int64, n int) []byte { return within(b, offset, at, n) }
	for _, at := range ext {
		s, err := parseExt(window(at, extLength))
		if err == nil || (!errors.Is(err, errNoMagic) && s.uuid != [16]byte{}) {
			r.note("copy of the superblock of %s %s at byte %d", s.kind(), s.uuid, at)
		}
	}
	for at := offset; at < offset+int64(len(b)); at += xfsMinSector {
		if s, err := parseXFS(window(at, xfsMinSector)); err == nil {
			r.note("copy of the superblock of xfs %s at byte %d", s.uuid, at)
		}
	}
	for _, at := range btrfsMirrors {
		if s, err := parseBtrfs(window(at, btrfsLength), at); err == nil {
			r.note("copy of the superblock of btrfs %s at byte %d", s.uuid, at)
		}
	}
	for _, at := range luksSecondPlaces {
		if c, ok := parseLUKS(window(at, luksLength), luksSecond, at); ok {
			r.add(at, c)
		}
	}
	for _, label := range []int64{zfsLabel, size&^(zfsLabel-1) - 2*zfsLabel} {
		if hasUberblocks(window(label+zfsArray, zfsLabel-zfsArray)) {
			r.add(label, Content{Type: "zfs_member"})
		}
	}
}

// findBtrfsBeginning recognises what mkfs.btrfs leaves when it dies between
// its first tree block and its first superblock: a first-generation tree block
// at 1 MiB, and nothing before it or where the superblocks belong. head is the
// first 4 MiB; blank says whether a superblock place further back is blank.
func findBtrfsBeginning(head []byte, blank bool, r *report) {
	if !blank || len(head) <= btrfsFirstTree || !allZero(head[:btrfsFirstTree]) {
		return
	}
	if id, ok := parseBtrfsTree(head[btrfsFirstTree:]); ok {
		r.add(btrfsFirstTree, Content{Type: "btrfs", UUID: id.String(), InProgress: true})
	}
}

// blankMirrors reports whether b, which was read at offset, has only zeros where
// a btrfs superblock belongs.
func blankMirrors(b []byte, offset int64) bool {
	return !slices.ContainsFunc(btrfsMirrors[:], func(at int64) bool {
		return firstNonZero(within(b, offset, at, btrfsLength)) >= 0
	})
}
