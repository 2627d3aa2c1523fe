package fs

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/google/uuid"
)

const gptMagic = "EFI PART"

// findPartitions looks for a GPT at both ends, for 512 and 4096 byte sectors,
// and for an MBR. The MBR that protects a GPT is part of it.
func findPartitions(v view, r *report) {
	gpt := false
	for _, sector := range []int64{512, 4096} {
		for _, offset := range []int64{sector, v.size - sector} {
			if id, ok := parseGPT(v.at(offset, 512), offset/sector); ok {
				gpt = gpt || offset == sector
				r.add(offset, Content{Type: "gpt", UUID: id.String(), mayBeFile: true})
			}
		}
	}
	b := v.at(0, 512)
	if used, protects := parseMBR(b); used && !(gpt && protects) && bootSector(b) == "" {
		r.add(0, Content{Type: "dos"})
	}
}

// parseGPT reads a GPT header that was found at logical block lba (UEFI
// specification, section 5.3.2) and returns the disk's GUID.
func parseGPT(b []byte, lba int64) (uuid.UUID, bool) {
	le := binary.LittleEndian
	if len(b) < 512 || string(b[:8]) != gptMagic || le.Uint64(b[24:]) != uint64(lba) {
		return uuid.Nil, false
	}
	length := le.Uint32(b[12:])
	if length < 92 || length > 512 {
		return uuid.Nil, false
	}
	header := bytes.Clone(b[:length])
	clear(header[16:20])
	if crc32.ChecksumIEEE(header) != le.Uint32(b[16:]) {
		return uuid.Nil, false
	}
	id := uuid.UUID(header[56:72]) // the first three fields are little-endian
	le.PutUint32(id[0:], binary.BigEndian.Uint32(id[0:]))
	le.PutUint16(id[4:], binary.BigEndian.Uint16(id[4:]))
	le.PutUint16(id[6:], binary.BigEndian.Uint16(id[6:]))
	return id, true
}

// parseMBR reports whether b is a master boot record with a partition: four
// entries with sane flags, at least one of them in use; and whether one of
// them protects a GPT.
func parseMBR(b []byte) (used, protects bool) {
	if len(b) < 512 || b[510] != 0x55 || b[511] != 0xaa {
		return false, false
	}
	for entry := range slices.Chunk(b[446:510], 16) {
		if entry[0]&0x7f != 0 {
			return false, false
		}
		length := binary.LittleEndian.Uint32(entry[12:])
		used = used || (entry[4] != 0 && length != 0)
		protects = protects || entry[4] == 0xee
	}
	return used, protects
}

// findBootSector looks for the file systems of DOS and Windows.
func findBootSector(v view, r *report) {
	if kind := bootSector(v.at(0, 512)); kind != "" {
		r.add(0, Content{Type: kind})
	}
}

// bootSector names the file system whose boot sector b is, or "".
func bootSector(b []byte) string {
	if len(b) < 512 || b[510] != 0x55 || b[511] != 0xaa {
		return ""
	}
	switch string(b[3:11]) {
	case "NTFS    ":
		return "ntfs"
	case "EXFAT   ":
		return "exfat"
	case "-FVE-FS-":
		return "BitLocker"
	}
	le := binary.LittleEndian
	sector, cluster := le.Uint16(b[11:]), b[13]
	if (b[0] == 0xeb || b[0] == 0xe9) && sector >= 512 && sector <= 4096 && sector&(sector-1) == 0 &&
		cluster != 0 && cluster&(cluster-1) == 0 && le.Uint16(b[14:]) != 0 && b[16] != 0 && b[21] >= 0xf0 {
		return "vfat"
	}
	return ""
}
