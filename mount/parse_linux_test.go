package mount

import (
	"os"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Both sources of details tell the same of every mount of this machine.
func TestFind_StatmountAndMountinfoAgree(t *testing.T) {
	k := NewKernel()
	if !k.Features().Statmount {
		t.Skip("needs statmount")
	}
	byInfo := map[string]record{}
	stacked := map[string]bool{}
	require.NoError(t, scanMountinfo(func(r record) bool {
		_, stacked[r.point] = byInfo[r.point]
		byInfo[r.point] = r
		return true
	}))
	seen := 0
	require.NoError(t, k.scan(func(r record) bool {
		o, ok := byInfo[r.point]
		if !ok || stacked[r.point] || strings.HasPrefix(r.point, os.TempDir()) {
			return true // which one it is, or whether a test has just changed it, is not known
		}
		seen++
		require.Equal(t, o.dev, r.dev, r.point)
		require.Equal(t, o.info().Flags, r.info().Flags, r.point)
		require.Equal(t, o.info().Options, r.info().Options, r.point)
		require.Equal(t, o.root, r.root)
		require.Equal(t, o.fsType, r.fsType)
		require.Equal(t, o.shared, r.shared)
		require.Equal(t, o.info().ReadOnly, r.info().ReadOnly)
		return true
	}))
	require.NotZero(t, seen)
}

func TestTakeAttrs(t *testing.T) {
	for s, want := range map[string]attrs{
		"noatime":               {unix.MOUNT_ATTR_NOATIME, atimeBits},
		"noatime,relatime":      {0, atimeBits},
		"strictatime,noatime":   {unix.MOUNT_ATTR_NOATIME, atimeBits},
		"nodev,dev":             {0, unix.MOUNT_ATTR_NODEV},
		"dev,nodev":             {unix.MOUNT_ATTR_NODEV, unix.MOUNT_ATTR_NODEV},
		"data=x,rw,defaults,ro": {},
	} {
		var options []Option
		for o := range strings.SplitSeq(s, ",") {
			parsed, err := ParseOption(o)
			require.NoError(t, err)
			options = append(options, parsed)
		}
		got, super, readOnly := takeAttrs(options)
		require.Equal(t, want, got, s)
		require.Equal(t, strings.Contains(s, "data"), len(super) == 1)
		require.Equal(t, strings.HasSuffix(s, "ro"), readOnly)
	}
}

func FuzzParseStatmount(f *testing.F) {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, "/", 0, statxMask, &st) == nil {
		b := make([]byte, 1024)
		if statmountInto(b, st.Mnt_id, statmountDetails) == nil {
			f.Add(b)
		}
	}
	f.Add(make([]byte, 512))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseStatmount(b)
		if len(b) < statmountHeader {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.NotContains(t, r.point+r.root+r.options+r.source+r.fsType, "\x00")
		_ = r.info()
	})
}

func FuzzMountinfo(f *testing.F) {
	f.Add(`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`)
	f.Add(`1 1 0:1 / / ro,relatime shared:1 - tmpfs a\040b ro,context="u:r:t:s0:c1,c2"`)
	f.Fuzz(func(t *testing.T, line string) {
		infos, err := mountinfo.GetMountsFromReader(strings.NewReader(line), nil)
		if err != nil {
			return
		}
		for _, i := range infos {
			info := fromMountinfo(i).info()
			require.False(t, info.SuperReadOnly && !info.ReadOnly, "nothing can be written through it")
			require.NotContains(t, info.Options, "")
		}
	})
}
