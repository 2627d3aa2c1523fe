package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi/csitest"
	"github.com/csikit/csikit/csi/csitest/sanity"
)

// TestSanity runs csi-sanity v5.6.0 against the program in mode all, with EC2
// emulated, disks that are really attached, and real file systems and mounts.
func TestSanity(t *testing.T) {
	c := newTrial(t)
	r := sanity.RunAt(t, c.endpoint, csitest.Harness{Size: 1 << 30, Parameters: map[string]string{"type": "gp3"}, Mutable: map[string]string{"throughput": "200"}},
		func(s *sanity.Config) { s.TestNodeVolumeAttachLimit = true })
	require.Zero(t, r.Failed)
	for reason := range r.Reasons {
		require.Regexp(t, "NodeGetStorageHealth|GetCapacity|SNAPSHOT_ACCESSIBILITY|readonly field|disabled", reason)
	}
}
