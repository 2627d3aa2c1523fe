package fs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseBlkid(t *testing.T) {
	for name, c := range map[string]struct {
		exit           int
		stdout, stderr string
		finds, err     string
	}{
		"file system":       {0, "DEVNAME=/proc/self/fd/3\nTYPE=ext4\n", "", "ext4", ""},
		"partitions":        {0, "DEVNAME=/proc/self/fd/3\nPTTYPE=gpt\n", "", "gpt", ""},
		"both":              {0, "TYPE=iso9660\nPTTYPE=dos\n", "", "iso9660 and dos", ""},
		"nothing":           {2, "", "", "", ""},
		"ambivalent":        {8, "", "blkid: /dev/x: ambivalent result (probably more filesystems on the device)", "several signatures", ""},
		"busybox":           {0, "", "", "", "util-linux"},
		"busybox with path": {0, "/dev/x: UUID=\"1\"\n", "", "", "util-linux"},
		"an error is 2 too": {2, "", "blkid: error: /dev/x: No such file or directory", "", "No such file"},
		"2 with output":     {2, "TYPE=ext4\n", "", "", "TYPE=ext4"},
		"usage":             {4, "", "blkid: invalid option", "", "invalid option"},
		"killed":            {-1, "", "", "", "exit status -1"},
		"empty type":        {0, "TYPE=\n", "", "", "util-linux"},
	} {
		w, err := parseBlkid(c.exit, []byte(c.stdout), []byte(c.stderr))
		require.Equal(t, c.finds, w.finds(), name)
		if c.err == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, c.err, name)
		}
	}
	require.Less(t, len(clip([]byte(strings.Repeat("é", 4000)))), 500)
}
