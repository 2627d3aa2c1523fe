package fs

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// FuzzRecognisers shows random ends of a device to every recogniser. None may
// panic, and what they say must hang together.
func FuzzRecognisers(f *testing.F) {
	for _, s := range signatures {
		f.Add(s.at, s.data, int64(small))
	}
	f.Fuzz(func(t *testing.T, at int64, data []byte, size int64) {
		if size <= 0 || size > 1<<50 || at < 0 || len(data) > 64<<10 {
			t.Skip()
		}
		n := min(int64(len(data)), size)
		v := view{head: data[:n], tail: data[int64(len(data))-n:], size: size}
		r := &report{}
		for _, recognise := range recognisers {
			recognise(v, r)
		}
		if c, ok := r.verdict(); ok != (c.State == Known || c.State == Ambiguous) || c.State == Empty {
			t.Fatalf("%v %v", c, ok)
		}
		findLeftovers(append(data, 1), at, size, extPlaces(size), r)
	})
}

// FuzzEmpty is the one property that matters: a device with a byte that is not
// zero at either end or at a place of a copy is never empty.
func FuzzEmpty(f *testing.F) {
	for _, s := range signatures {
		f.Add(s.at, s.data, int64(small))
	}
	f.Fuzz(func(t *testing.T, at int64, data []byte, size int64) {
		if size <= 0 || size > 1<<42 || at < 0 || at > size || len(data) > 4096 {
			t.Skip()
		}
		data = data[:min(int64(len(data)), size-at)]
		c, err := examine(context.Background(), newDisk(size).put(at, data), size)
		if err != nil {
			t.Fatal(err)
		}
		dirty := false
		for _, s := range spans(size) {
			b := within(append(make([]byte, 0), data...), at, max(at, s.offset), int(max(0, min(s.end(), at+int64(len(data)))-max(at, s.offset))))
			dirty = dirty || firstNonZero(b) >= 0
		}
		if dirty && c.State == Empty {
			t.Fatalf("%d bytes at %d of %d: %v", len(data), at, size, c)
		}
	})
}

func FuzzParseExt(f *testing.F) {
	f.Add(extImage(extOf{kind: "ext4", id: theirs}))
	f.Add(extImage(extOf{kind: "ext2"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseExt(b)
		if err == nil && (s.size() <= 0 || s.blockSize < 1024 || s.geometry().tolerance <= 0) {
			t.Fatalf("%+v", s)
		}
	})
}

func FuzzParseXFS(f *testing.F) {
	f.Add(xfsImage(theirs, false))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseXFS(b); err == nil && s.content().Size <= 0 {
			t.Fatalf("%+v", s)
		}
	})
}

func FuzzParseBtrfs(f *testing.F) {
	f.Add(btrfsImage(theirs, btrfsOffset, false))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseBtrfs(b, btrfsOffset); err == nil && s.content().Size < 0 {
			t.Fatalf("%+v", s)
		}
		parseBtrfsTree(b)
	})
}

func FuzzParseMembers(f *testing.F) {
	f.Add(luksImage(2, luksMagic, 0))
	f.Add(gptImage(1))
	f.Add(mbrImage(0x83))
	f.Add(md0Image(binary.LittleEndian))
	f.Add(intentFor("ext4", ours))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseLUKS(b, luksMagic, 0)
		parseMD0(b)
		parseMD1(b, 0)
		parseGPT(b, 1)
		hasUberblocks(b)
		if bootSector(b) != "" && len(b) < 512 {
			t.Fatal("a boot sector has 512 bytes")
		}
		if used, _ := parseMBR(b); used && len(b) < 512 {
			t.Fatal("an MBR has 512 bytes")
		}
		if c, ok := parseIntent(b); ok && !c.InProgress {
			t.Fatal(c)
		}
	})
}

// FuzzParseLUKS: what is taken for a header is one of a version that there is,
// with a UUID in the form that is compared, or none.
func FuzzParseLUKS(f *testing.F) {
	f.Add(luksImage(1, luksMagic, 0), int64(0))
	f.Add(luksImage(2, luksMagic, 0), int64(0))
	f.Add(luksImage(2, luksSecond, 16<<10), int64(16<<10))
	f.Fuzz(func(t *testing.T, b []byte, offset int64) {
		for _, magic := range []string{luksMagic, luksSecond} {
			c, ok := parseLUKS(b, magic, offset)
			if !ok {
				continue
			}
			id, err := uuid.Parse(c.UUID)
			if c.Type != TypeLUKS || c.Version < 1 || c.Version > 2 || c.InProgress || c.UUID != "" && (err != nil || id.String() != c.UUID) {
				t.Fatalf("%+v", c)
			}
			if magic == luksSecond && c.Version != 2 {
				t.Fatal("only version 2 has a second header")
			}
		}
	})
}

// FuzzParseBlkid: nothing but exit status 2 in silence means nothing.
func FuzzParseBlkid(f *testing.F) {
	f.Add(0, []byte("DEVNAME=/dev/x\nTYPE=ext4\n"), []byte(nil))
	f.Add(2, []byte(nil), []byte(nil))
	f.Add(0, []byte(nil), []byte(nil))
	f.Add(2, []byte(nil), []byte("blkid: error: /dev/x: Input/output error"))
	f.Fuzz(func(t *testing.T, exit int, stdout, stderr []byte) {
		w, err := parseBlkid(exit, stdout, stderr)
		silent := strings.TrimSpace(string(stdout)+string(stderr)) == ""
		if err == nil && w.finds() == "" && (exit != blkidNothing || !silent) {
			t.Fatalf("exit %d, %q, %q: nothing", exit, stdout, stderr)
		}
	})
}

func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{"", "k", "4096", "4k", "4K", "1m", "-1", "+1", "0x10", "9999999999999999999", "1kk"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseAmount(text); err == nil && n < 0 {
			t.Fatalf("%q is %d", text, n)
		}
	})
}

// FuzzCheckFormat: whatever an option says, mkfs gets it as one argument after
// its flag, and never as a flag of its own.
func FuzzCheckFormat(f *testing.F) {
	f.Add("ext4", "blockSize", "4k")
	f.Add("xfs", "label", "-f")
	f.Add("btrfs", "label", "a,b")
	f.Fuzz(func(t *testing.T, kind, name, value string) {
		format := Format{Type: kind, UUID: ours.String(), Options: map[string]string{name: value}}
		if CheckFormat(format) != nil {
			return
		}
		for _, m := range []mkfs{mkfsExt(format, false), mkfsXFS(format, "", false), mkfsBtrfs(format, value, false)} {
			for _, a := range m.args {
				if a == "" || (a == value && a[0] == '-') {
					t.Fatalf("%q", m.args)
				}
			}
		}
	})
}
