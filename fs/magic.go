package fs

// A magic is a fixed text at a fixed place, by which a type is recognised well
// enough to be left alone.
type magic struct {
	kind   string
	offset int64
	text   string
}

// magics are the types that this package knows by name only. Source: magic(5),
// libblkid's superblocks.
var magics = [...]magic{
	{"squashfs", 0, "hsqs"},
	{"ceph_bluestore", 0, "bluestore block device"},
	{"DM_verity_hash", 0, "verity\x00\x00"},
	{"DM_integrity", 0, "integrt\x00"},
	{"VDO", 0, "dmvdo001"},
	{"apfs", 32, "NXSB"},
	{"f2fs", 1024, "\x10\x20\xf5\xf2"},
	{"erofs", 1024, "\xe2\xe1\xf5\xe0"},
	{"stratis", 516, "!Stra0tis\x86\xff\x02^\x41rh"},
	{"bcache", 4096 + 24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"},
	{"bcachefs", 4096 + 24, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"},
	{"iso9660", 32768 + 1, "CD001"},
	{"udf", 32768 + 1, "BEA01"},
	{"jfs", 32768, "JFS1"},
	{"reiserfs", 65536 + 52, "ReIsEr"},
	{"gfs2", 65536, "\x01\x16\x19\x70\x00\x00\x00\x01"},
}

// findMagics looks for the types that are known by name only.
func findMagics(v view, r *report) {
	for _, m := range magics {
		if string(v.at(m.offset, len(m.text))) == m.text {
			r.add(m.offset, Content{Type: m.kind})
		}
	}
}

// recognisers are all that look at a view. The order does not matter: every
// one of them is asked, and two answers are an ambiguity.
var recognisers = [...]func(view, *report){
	findIntent, findExt, findXFS, findBtrfs, findLUKS, findLVM, findMD, findZFS, findSwap,
	findPartitions, findBootSector, findMagics,
}
