//go:build linux

package crashtest

import (
	"crypto/rand"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCrash_FindsDamage damages a volume behind the driver's back, between the
// kill and the retry. The tier must say so each time, else its silence would
// prove nothing.
func TestCrash_FindsDamage(t *testing.T) {
	for want, damage := range map[string]func(v *volume) error{
		"is lost":              func(v *volume) error { return os.Remove(v.staging() + "/file-1") },
		"has other content":    func(v *volume) error { return os.Truncate(v.staging()+"/file-1", 1) },
		"2 mounts are stacked": func(v *volume) error { return syscall.Mount(v.staging(), v.staging(), "", syscall.MS_BIND, "") },
		"can be written": func(v *volume) error {
			return syscall.Mount("", v.target(), "", syscall.MS_BIND|syscall.MS_REMOUNT, "")
		},
		"is left (a file)": func(v *volume) error { return os.WriteFile(v.h.path("state", "volumes", "x"), nil, 0o600) },
		"file system is damaged": func(v *volume) error {
			f, err := os.OpenFile(v.image(), os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			junk := make([]byte, 64<<10) // block and inode bitmaps and the first inodes
			_, _ = rand.Read(junk)
			_, err = f.WriteAt(junk, 8*4096)
			return errors.Join(err, f.Close())
		},
	} {
		t.Run(want, func(t *testing.T) {
			w := &worker{h: newHost(t), damage: damage}
			defer w.close()
			_, err := w.crash(t.Context(), &sequence{kind: kindOf("ext4"), prefix: []op{stage, publishReadOnly}, last: stage}, 1)
			require.ErrorContains(t, err, want)
		})
	}
}

func kindOf(name string) kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	panic(name)
}
