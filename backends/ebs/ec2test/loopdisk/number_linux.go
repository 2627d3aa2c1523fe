package loopdisk

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// number is a block device's MAJOR:MINOR.
func number(info os.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
}
