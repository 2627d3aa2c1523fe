package mount

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestR15_ParseOption(t *testing.T) {
	good := map[string]Option{
		"noatime":      {Key: "noatime"},
		"data=ordered": {Key: "data", Value: "ordered"},
		"a=b=c":        {Key: "a", Value: "b=c"},
		"size=":        {Key: "size"},
		"v=x,y":        {Key: "v", Value: "x,y"},
		`context="system_u:object_r:container_file_t:s0:c1,c2"`: {Key: "context", Value: "system_u:object_r:container_file_t:s0:c1,c2"},
	}
	for s, want := range good {
		got, err := ParseOption(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got)
	}
	for _, s := range []string{
		"", "=", "=x", "-o", "--bind", "ro,rw", "ro\x00", "ro\n", "a=b\x00", "a=b\nc", "a=\x7f", " ro", `a"b=c`, `a\b`,
		"context=", `context=a"b`, "a=" + strings.Repeat("x", 256),
	} {
		_, err := ParseOption(s)
		require.ErrorIs(t, err, ErrOption, "%q", s)
	}
}

func TestR15_CheckOptions(t *testing.T) {
	allowed := map[string][]string{
		"ext4":   {"noatime", "nodev", "ro", "rw", "data=ordered", "errors=remount-ro", "discard", "stripe=32", "_netdev", "x-systemd.automount", "defaults", "lazytime"},
		"ext3":   {"data=journal"},
		"xfs":    {"nouuid", "logbsize=256k", "prjquota", "context=u:r:t:s0:c1,c2"},
		"btrfs":  {"compress=zstd:3", "ssd", "discard=async"},
		"nfs":    {"vers=4.1", "hard", "nconnect=8", "sec=krb5p"},
		"nfs4":   {"nconnect=8"},
		"cifs":   {"vers=3.1.1", "uid=1000", "seal"},
		"tmpfs":  {"size=1g"},
		"zonefs": {"noexec", "sync"},
	}
	for fsType, flags := range allowed {
		for _, s := range flags {
			require.NoError(t, check(t, fsType, s), "%s: %s", fsType, s)
		}
	}
	refused := map[string][]string{
		"ext4":   {"bind", "remount", "move", "loop", "offset=4096", "errors=panic", "noload", "journal_path=/dev/sda", "sb=8193", "barrier=0", "data=writeback", "noatime=1", "shared"},
		"xfs":    {"norecovery", "logdev=/dev/sda", "rtdev=/dev/sda", "data=ordered"},
		"btrfs":  {"device=/dev/sda", "degraded", "rescue=all", "subvol=x"},
		"nfs":    {"bg", "addr=1.2.3.4", "password=x"},
		"cifs":   {"password=x", "credentials=/etc/shadow", "ip=1.2.3.4"},
		"zonefs": {"explicit-open"},
		"":       {"data=ordered"},
	}
	for fsType, flags := range refused {
		for _, s := range flags {
			err := check(t, fsType, s)
			require.ErrorIs(t, err, ErrOption, "%s: %s", fsType, s)
			require.ErrorContains(t, err, strings.SplitN(s, "=", 2)[0])
			require.ErrorContains(t, err, "allowed are")
		}
	}
}

// What is allowed by its name is still refused by its form: where options are a
// comma string, it would be two.
func TestR15_AllowedNamesNeedTheirForm(t *testing.T) {
	for _, o := range []Option{
		{Key: "x-a,suid"}, {Key: "x-a b"}, {Key: "commit", Value: "5\nro"}, {Key: "commit", Value: "5\x00"},
		{Key: "context"}, {Key: "context", Value: `u:r:t:s0",ro,x="`},
	} {
		require.ErrorIs(t, CheckOptions("ext4", []Option{o}), ErrOption, "%q", o)
	}
}

func check(t *testing.T, fsType, flag string) error {
	o, err := ParseOption(flag)
	require.NoError(t, err)
	return CheckOptions(fsType, []Option{o})
}

func TestOption_HidesSecrets(t *testing.T) {
	o := Option{Key: "password", Value: "hunter2", Secret: true}
	for _, format := range []string{"%s", "%v", "%+v", "%#v", "%q"} {
		require.NotContains(t, fmt.Sprintf(format, o), "hunter2", format)
		require.NotContains(t, fmt.Sprintf(format, []Option{o}), "hunter2", format)
	}
	require.ErrorContains(t, CheckOptions("ext4", []Option{o}), "password")
}

func TestSplitShown(t *testing.T) {
	for s, want := range map[string][]string{
		"":                         nil,
		"a,b=c":                    {"a", "b=c"},
		`context="u:s0:c1,c2",a`:   {`context="u:s0:c1,c2"`, "a"},
		`lower=/x\040y,upper=\054`: {"lower=/x y", "upper=,"},
		`a\9,b\`:                   {`a\9`, `b\`},
		",,a,":                     {"a"},
	} {
		require.Equal(t, want, splitShown(s), "%q", s)
	}
}

func FuzzOptions(f *testing.F) {
	for _, s := range []string{"noatime", "data=ordered", `context="a,b"`, "-o", "a,b", "=", "a\x00", "x-\n"} {
		f.Add("ext4", s)
	}
	f.Fuzz(func(t *testing.T, fsType, s string) {
		o, err := ParseOption(s)
		if err != nil {
			require.ErrorIs(t, err, ErrOption)
			return
		}
		require.NotEmpty(t, o.Key)
		require.NotContains(t, o.Key, ",")
		require.NotContains(t, o.Key, "=")
		require.NotEqual(t, byte('-'), o.Key[0])
		require.False(t, hasControl(o.Key+o.Value))
		if CheckOptions(fsType, []Option{o}) == nil && !isContext(o.Key) && o.Value == "" {
			again, err := ParseOption(o.String())
			require.NoError(t, err)
			require.Equal(t, o, again)
		}
	})
}

func FuzzSplitShown(f *testing.F) {
	f.Add(`rw,context="a,b",c\040d`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, o := range splitShown(s) {
			require.LessOrEqual(t, len(o), len(s))
		}
	})
}
