//go:build linux

package crashtest

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/moby/sys/mountinfo"

	"github.com/csikit/csikit/internal/invariant"
)

// varying is what differs between any two volumes.
var varying = regexp.MustCompile(`(?m)^ *"(number|sequence|device|rdev|created|size|promised)": [^{\n]*\n|/dev/loop[0-9]+`)

// state describes what a new process can find of the volume, so that two
// volumes with the same state are the same to it.
func (v *volume) state() (string, error) {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(v.h.dir))
	if err != nil {
		return "", err
	}
	for _, m := range mounts {
		add("mount %s %s %s %s %s", m.Mountpoint, m.FSType, m.Options, m.VFSOptions, filepath.Base(filepath.Dir(m.Root)))
	}
	for _, pattern := range []string{"state/*/*", "pool/volumes/*/meta.json"} {
		files, _ := filepath.Glob(v.h.path(pattern))
		var contents []string
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				return "", err
			}
			contents = append(contents, varying.ReplaceAllString(string(data), ""))
		}
		slices.Sort(contents)
		add("%s %s", pattern, contents)
	}
	for _, pattern := range []string{"staging/*/*", "pods/*/*"} {
		files, _ := filepath.Glob(v.h.path(pattern))
		if v.model.staged && v.kind.fstype != "" && pattern == "staging/*/*" {
			files = nil // the files of the workload
		}
		add("%s", files)
	}
	loops, _ := invariant.Loops(v.h.dir)
	add("%d loop devices", len(loops))
	for _, l := range loops {
		size, _ := os.ReadFile("/sys/block/" + filepath.Base(l) + "/size")
		readOnly, _ := os.ReadFile("/sys/block/" + filepath.Base(l) + "/ro")
		add("large %v read-only %s", strings.TrimSpace(string(size)) != fmt.Sprint(v.kind.size/512), readOnly)
	}
	add("%s", v.sizes())
	text := strings.NewReplacer(v.id, "ID", filepath.Base(v.id), "HASH").Replace(strings.Join(lines, "\n"))
	text = regexp.MustCompile(`\b`+v.name+`\b`).ReplaceAllString(text, "NAME")
	return regexp.MustCompile(`device-[0-9a-f]{32}`).ReplaceAllString(text, "DEVICE"), nil
}

// sizes says whether the image and the file system have been grown.
func (v *volume) sizes() string {
	info, err := os.Stat(v.image())
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("image grown: %v", info.Size() > v.kind.size)
	if v.kind.fstype == "" || v.kind.foreign {
		return text
	}
	if v.model.staged {
		var fs syscall.Statfs_t
		if err := syscall.Statfs(v.staging(), &fs); err != nil {
			return err.Error()
		}
		if v.first == 0 {
			v.first = fs.Blocks
		}
		return fmt.Sprintf("%s, file system grown: %v", text, fs.Blocks > v.first)
	}
	return fmt.Sprintf("%s, file system fills it: %v", text, superblockSize(v.image(), v.kind.fstype) > info.Size()-4*mib)
}

// superblockSize is the size of the unmounted file system in an image, 0 if
// there is none.
func superblockSize(image, fstype string) int64 {
	f, err := os.Open(image)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 128<<10)
	_, _ = f.ReadAt(b, 0)
	switch fstype {
	case "ext4":
		return int64(binary.LittleEndian.Uint32(b[1024+4:])) * 4096
	case "xfs":
		return int64(binary.BigEndian.Uint64(b[8:])) * 4096
	case "btrfs":
		return int64(binary.LittleEndian.Uint64(b[65536+0x70:]))
	}
	return 0
}
