package fs

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/google/uuid"
)

// An intent is written to sector 0 before mkfs.ext2, mkfs.ext3 or mkfs.ext4
// runs, and removed when what it made has been verified; a LUKS header replaces
// it.
//
// These three write directories, bitmaps and journal first and the superblock
// last. If one is killed the device holds data that nobody could tell from a
// damaged file system's: without the intent the volume would be lost to its
// owner for ever. xfs and btrfs need none: they begin with a superblock that
// has the UUID and says that it is in progress.
//
// mke2fs leaves sector 0 alone if it holds a BSD disk label's magic number at
// byte 64 (e2fsprogs misc/mke2fs.c zap_sector), so an intent has that. If a
// future mke2fs clears it, a killed format is refused instead of repeated.
const (
	intentLength  = 512
	intentMagic   = "csikit.io/mkfs\x00\x01"
	bsdMagic      = 0x82564557
	bsdMagicPlace = 64
	intentText    = "mkfs did not end here; the volume holds no data yet"
)

// intentFor returns the sector that announces a file system.
func intentFor(kind string, id uuid.UUID) []byte {
	b := make([]byte, intentLength)
	copy(b, intentMagic)
	copy(b[16:32], id[:])
	copy(b[32:48], kind)
	binary.NativeEndian.PutUint32(b[bsdMagicPlace:], bsdMagic)
	copy(b[80:], intentText)
	binary.LittleEndian.PutUint32(b[500:], crc32.Checksum(b[:500], castagnoli))
	return b
}

// parseIntent reads an intent.
func parseIntent(b []byte) (Content, bool) {
	if len(b) < intentLength || string(b[:16]) != intentMagic {
		return Content{}, false
	}
	id := uuid.UUID(b[16:32])
	for _, kind := range append([]string{TypeLUKS}, extTypes...) {
		if slices.Equal(b[:intentLength], intentFor(kind, id)) {
			return Content{Type: kind, UUID: id.String(), InProgress: true}, true
		}
	}
	return Content{}, false
}

// findIntent looks for the intent of a format that did not end.
func findIntent(v view, r *report) {
	if c, ok := parseIntent(v.at(0, intentLength)); ok {
		r.add(0, c)
	}
}
