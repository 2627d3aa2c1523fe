package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/csikit/csikit/examples/internal/shipped"
)

func TestConfigurationErrorsSayWhatToChange(t *testing.T) {
	endpoint := "--endpoint=unix://" + t.TempDir() + "/csi.sock"
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no pool":       {nil, "set --pool or X_CSI_POOL"},
		"relative pool": {[]string{"--pool=pool"}, `--pool is "pool": set it to the absolute path`},
		"largest":       {[]string{"--pool=/p", "--max-volume-size=1"}, "--max-volume-size is 1 bytes"},
		"mode":          {[]string{"--pool=/p", "--mode=banana"}, `for --mode: want one of`},
		"size":          {[]string{"--pool=/p", "--max-volume-size=big"}, "want a size such as 512Mi"},
		"overcommit":    {[]string{"--pool=/p", "--overcommit=-1"}, "--overcommit is -1"},
		"device":        {[]string{"--pool=/p", "--allow-device=sda,/dev/sdb"}, `--allow-device has "sda"`},
		"node":          {[]string{"--pool=/p", "--node-id=a/b"}, `--node-id is "a/b"`},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			code := program().Run(context.Background(), append(c.args, endpoint), nil, &out, &out)
			assert.Equal(t, 2, code)
			assert.Contains(t, out.String(), c.says)
		})
	}
}

func TestFlagValues(t *testing.T) {
	var q quantity
	assert.NoError(t, q.Set("1.5Gi"))
	assert.Equal(t, quantity(3<<29), q)
	assert.Equal(t, "1536Mi", q.String())
	assert.Error(t, q.Set("-1"))
	assert.NoError(t, q.Set(""))
	assert.Zero(t, q)

	var l list
	assert.NoError(t, l.Set("/dev/a, /dev/b*"))
	assert.NoError(t, l.Set("/dev/c"))
	assert.Equal(t, list{"/dev/a", "/dev/b*", "/dev/c"}, l)
}

func TestTheManifestsAreWhatTheDriverPrints(t *testing.T) { shipped.Check(t, program) }
