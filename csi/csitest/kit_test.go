package csitest

import (
	"log/slog"
	"strings"
	"testing"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
)

func TestMemory(t *testing.T) {
	RunParallel(t, func(*testing.T) Harness { return NewMemory(nil).Harness() })
}

// TestMemoryWithTopology is a store whose nodes are in two zones, and whose
// snapshots are not ready at once.
func TestMemoryWithTopology(t *testing.T) {
	RunParallel(t, func(*testing.T) Harness { return zoned().Harness() })
}

func zoned() *Memory {
	options := MemoryOptions{SlowSnapshots: true, Nodes: []csi.NodeInfo{
		{ID: "node-a", MaxVolumes: 8, Topology: csi.Topology{"mem.csikit.io/zone": "a"}},
		{ID: "node-b", MaxVolumes: 8, Topology: csi.Topology{"mem.csikit.io/zone": "b"}},
	}}
	traits := NewMemory(&options).Traits()
	traits.SnapshotTopology = true
	options.Traits = &traits
	return NewMemory(&options)
}

// TestMinimal is a backend of four methods: the kit runs what it can.
func TestMinimal(t *testing.T) {
	RunParallel(t, func(*testing.T) Harness {
		m := NewMemory(nil)
		h := m.Harness()
		h.Backend = func() csi.Locator { return m.Minimal() }
		h.Options.NodeID = "node-1"
		return h
	})
}

// TestLocateOnly is a driver of volumes made by hand.
func TestLocateOnly(t *testing.T) {
	RunParallel(t, func(*testing.T) Harness {
		m := NewMemory(nil)
		h := m.Harness()
		h.Backend = func() csi.Locator { return m.LocateOnly() }
		h.Options.NodeID = "node-1"
		return h
	})
}

func TestNamesOfChecks(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks() {
		if seen[c.name] || c.run == nil {
			t.Errorf("check %s is there twice or empty", c.name)
		}
		seen[c.name] = true
		if !strings.Contains(c.why, "(") && !strings.Contains(c.name, "Data/") && !strings.Contains(c.why, "https://") {
			t.Errorf("check %s does not name its source: %s", c.name, c.why)
		}
	}
	t.Logf("%d checks", len(seen))
}

// TestServe_ADriverThatCannotRun: calls do not wait for it, and its error is told.
func TestServe_ADriverThatCannotRun(t *testing.T) {
	d, err := csi.New("mem.csikit.io", NewMemory(nil), &csi.Options{StateDir: t.TempDir(), NodeID: "node-1", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	first, err := serve(d)
	require.NoError(t, err)
	_, err = csipb.NewIdentityClient(first.conn).GetPluginInfo(t.Context(), &csipb.GetPluginInfoRequest{})
	require.NoError(t, err)
	again, err := serve(d) // a driver runs once
	require.NoError(t, err)
	_, err = csipb.NewIdentityClient(again.conn).GetPluginInfo(t.Context(), &csipb.GetPluginInfoRequest{})
	require.Error(t, err)
	require.ErrorContains(t, again.stop(), "Run was called twice")
	require.NoError(t, first.stop())
}
