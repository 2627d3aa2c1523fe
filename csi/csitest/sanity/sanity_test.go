package sanity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/csitest"
	"github.com/csikit/csikit/csi/csitest/sanity"
)

// TestMemory runs csi-sanity on the reference backend, which offers all but
// health.
func TestMemory(t *testing.T) {
	store := csitest.NewMemory(&csitest.MemoryOptions{Nodes: []csi.NodeInfo{
		{ID: "node-a", MaxVolumes: 8, Topology: csi.Topology{"mem.csikit.io/zone": "a"}},
		{ID: "node-b", MaxVolumes: 8, Topology: csi.Topology{"mem.csikit.io/zone": "b"}},
	}})
	r := sanity.Run(t, store.Harness(), func(c *sanity.Config) { c.TestNodeVolumeAttachLimit = true })
	require.Zero(t, r.Failed)
	require.Empty(t, store.Left())
	for reason := range r.Reasons {
		require.Regexp(t, "Health|SNAPSHOT_ACCESSIBILITY|disabled", reason)
	}
}
