package loopdev

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A table without the device itself is not believed, and the device is not
// asked whether it is below itself.
func TestSized(t *testing.T) {
	const table = "major minor  #blocks  name\n\n 254        0  268435456 vda\n   7        0     327680 loop0\n" +
		" 259        0       1024 loop0p1\n   7      130     327680 loop130\n   7 3 9\n nonsense x y loop9\n"
	names, whole := sized(table, unix.Mkdev(7, 130))
	require.Equal(t, []string{"loop0"}, names)
	require.True(t, whole)
	names, whole = sized(table, unix.Mkdev(254, 0))
	require.Equal(t, []string{"loop0", "loop130"}, names)
	require.True(t, whole)
	_, whole = sized(table, unix.Mkdev(7, 1))
	require.False(t, whole)
	names, whole = sized(table+strings.Repeat("   7        1     327680 loop1\n", 140), unix.Mkdev(254, 0))
	require.Empty(t, names)
	require.False(t, whole, "the kernel needs several reads for a long one, and may leave out a line between them")
	names, whole = sized("", unix.Mkdev(7, 0))
	require.Empty(t, names)
	require.False(t, whole)
}

// FuzzSized: what is listed is the name of a loop device, and not of a part of
// one or of another file in /dev.
func FuzzSized(f *testing.F) {
	f.Add("major minor  #blocks  name\n\n   7        0     327680 loop0\n 259        0       1024 loop0p1\n", uint32(7), uint32(0))
	f.Add("   7 1 9 loop1/../sda\n7 2 9 loop\n7 3 9 loop-1", uint32(7), uint32(3))
	f.Fuzz(func(t *testing.T, table string, major, minor uint32) {
		names, _ := sized(table, unix.Mkdev(major, minor))
		for _, name := range names {
			require.Regexp(t, `^loop[0-9]*$`, name)
			require.Contains(t, table, name)
		}
	})
}
