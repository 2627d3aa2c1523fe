package fs

import (
	"encoding/binary"
	"strings"

	"github.com/google/uuid"
)

// LUKS headers. Source: "LUKS1 On-Disk Format Specification", "LUKS2 On-Disk
// Format Specification" (gitlab.com/cryptsetup/cryptsetup).
const (
	luksMagic  = "LUKS\xba\xbe"
	luksSecond = "SKUL\xba\xbe" // of the second header of LUKS2
	luksLength = 4096
)

// luksSecondPlaces are where LUKS2 keeps its second header, by the size of the
// first: from 16 KiB to 4 MiB.
var luksSecondPlaces = func() (places []int64) {
	for at := int64(16 << 10); at <= 4<<20; at *= 2 {
		places = append(places, at)
	}
	return places
}()

// parseLUKS reads a LUKS header that begins with magic at offset.
func parseLUKS(b []byte, magic string, offset int64) (Content, bool) {
	if len(b) < luksLength || string(b[:6]) != magic {
		return Content{}, false
	}
	be := binary.BigEndian
	switch version := be.Uint16(b[6:]); {
	case version == 1 && magic == luksMagic:
	case version == 2 && be.Uint64(b[256:]) == uint64(offset):
	default:
		return Content{}, false
	}
	return Content{Type: TypeLUKS, Version: int(be.Uint16(b[6:])), UUID: textUUID(b[168:208])}, true
}

// textUUID reads a UUID that is kept as text, ended by a zero byte.
func textUUID(b []byte) string {
	text, _, _ := strings.Cut(string(b), "\x00")
	if id, err := uuid.Parse(text); err == nil {
		return id.String()
	}
	return ""
}

// findLUKS looks for the first header. A second header alone is left to the
// search for leftovers: it survives where another file system was made.
func findLUKS(v view, r *report) {
	if c, ok := parseLUKS(v.at(0, luksLength), luksMagic, 0); ok {
		r.add(0, c)
	}
}
