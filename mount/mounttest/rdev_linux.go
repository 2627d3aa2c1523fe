package mounttest

import "golang.org/x/sys/unix"

// rdev is the number of the device whose node path is, or 0.
func rdev(path string) uint64 {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return 0
	}
	return st.Rdev
}
