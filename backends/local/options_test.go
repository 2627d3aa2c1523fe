//go:build linux

package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
)

func TestNew_ErrorsSayWhatToChange(t *testing.T) {
	good := local.Options{Pool: "/srv/pool", Node: "node-1.example"}
	_, err := local.New(good)
	require.NoError(t, err)
	for says, change := range map[string]func(*local.Options){
		`Pool is "pool": set it to the absolute path`: func(o *local.Options) { o.Pool = "pool" },
		`Node is "": set it to the node's name`:       func(o *local.Options) { o.Node = "" },
		`Node is "a/b"`:                               func(o *local.Options) { o.Node = "a/b" },
		`Node is "xxxx`:                               func(o *local.Options) { o.Node = strings.Repeat("x", 64) },
		`Overcommit is -1: use a ratio`:               func(o *local.Options) { o.Overcommit = -1 },
		`MaxVolumeSize is 1 bytes: use 0 for no`:      func(o *local.Options) { o.MaxVolumeSize = 1 },
		`MaxVolumes is -1`:                            func(o *local.Options) { o.MaxVolumes = -1 },
		`EphemeralSize is -1 bytes`:                   func(o *local.Options) { o.EphemeralSize = -1 },
		`MaxFreeze is -1`:                             func(o *local.Options) { o.MaxFreeze = -1 },
		`StaticDir is "x": use an absolute path`:      func(o *local.Options) { o.StaticDir = "x" },
		`Devices has "/dev/*/x": use an absolute`:     func(o *local.Options) { o.Devices = []string{"/dev/*/x"} },
		`Devices has "/dev/[": use`:                   func(o *local.Options) { o.Devices = []string{"/dev/["} },
	} {
		o := good
		change(&o)
		_, err := local.New(o)
		require.ErrorContains(t, err, says)
	}
	_, err = local.New(local.Options{})
	require.ErrorContains(t, err, "Pool")
	require.ErrorContains(t, err, "Node", "all that is wrong at once")
}

func TestDescribe(t *testing.T) {
	b, err := local.New(local.Options{Pool: "/srv/pool", Node: "n1"})
	require.NoError(t, err)
	info, err := b.DescribeNode(t.Context())
	require.NoError(t, err)
	require.Equal(t, csi.NodeInfo{ID: "n1", MaxVolumes: 256, Topology: csi.Topology{"topology.local.csi.csikit.dev/node": "n1"}}, info)
	modes := []csi.AccessMode{csi.SingleNodeWriter, csi.SingleNodeReaderOnly, csi.SingleNodeSingleWriter, csi.SingleNodeMultiWriter, csi.MultiNodeReaderOnly}
	require.Equal(t, csi.Traits{Mount: modes, Block: modes, TopologyKeys: []string{"topology.local.csi.csikit.dev/node"}}, b.Traits())
}

func TestRuling33_GrowsOnTheNodeOnly(t *testing.T) {
	var b any = &local.Backend{}
	_, controller := b.(csi.Expander)
	_, node := b.(csi.NodeExpander)
	require.Equal(t, []bool{false, true}, []bool{controller, node})
}

// ModifyVolume has no node mode either: it would be sent to any node's controller.
func TestRuling34_ModifiesNothing(t *testing.T) {
	var b any = &local.Backend{}
	_, modifier := b.(csi.Modifier)
	require.False(t, modifier)
}

func TestProbe(t *testing.T) {
	pool := newPool(t, "", 0)
	require.NoError(t, open(t, pool).Probe(t.Context()))
	require.ErrorContains(t, open(t, filepath.Join(pool, "none")).Probe(t.Context()), "mount its file system")
	file := filepath.Join(pool, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, open(t, file).Probe(t.Context()), "not a directory")
	require.ErrorContains(t, open(t, "/proc").Probe(t.Context()), "mark is missing")
}
