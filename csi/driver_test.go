package csi

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNewTakesNilOptions(t *testing.T) {
	d, err := New("core.csi.example.com", &coreBackend{}, nil)
	require.NoError(t, err)
	assert.Equal(t, "core.csi.example.com", d.Name())
	assert.Equal(t, "/var/lib/csikit/core.csi.example.com", d.opts.StateDir)
}

func TestNewTakesNoNilBackend(t *testing.T) {
	for _, b := range []Locator{nil, (*coreBackend)(nil)} {
		_, err := New("core.csi.example.com", b, nil)
		require.ErrorContains(t, err, "needs a backend")
	}
}

func TestRule33_NameIsADomainName(t *testing.T) {
	for _, good := range []string{"a", "local.csi.example.com", "A-1.b", strings.Repeat("x", 63)} {
		assert.NoError(t, checkName(good), good)
	}
	for _, bad := range []string{"", "-a", "a-", "a..b", ".a", "a_b", "a/b", "ä", "a b", "a.b\n", strings.Repeat("x", 64)} {
		assert.Error(t, checkName(bad), bad)
	}
}

func TestNewTellsAllFaultsAtOnce(t *testing.T) {
	_, err := New("bad name", &coreBackend{traits: Traits{Mount: []AccessMode{}, Block: []AccessMode{}, ReadOnlyAttach: true}}, &Options{
		OperationTimeout: -time.Second, ShutdownTimeout: -1, Services: 7, DefaultFSType: "../ext4",
		NodeID: strings.Repeat("n", 257), Version: strings.Repeat("v", 129), StateDir: "relative", Disable: []string{"Snapshoter"},
	})
	for _, want := range []string{
		`name "bad name" must be a domain name`, "Options.OperationTimeout is -1s", "Options.ShutdownTimeout", "Options.Services is 7",
		`DefaultFSType is "../ext4"`, "NodeID has 257 bytes", "Version has 129 bytes", `StateDir "relative" must be an absolute path`,
		`there is no optional interface "Snapshoter"; there are Provisioner`, "both empty", "implement Attacher",
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestRuling25_StateDirIsNotTheKubelets(t *testing.T) {
	for _, bad := range []string{
		"/var/lib/kubelet/plugins/kubernetes.io/csi", "/var/lib/kubelet/plugins/kubernetes.io/csi/x/y",
		"/data/kubelet/plugins/kubernetes.io/csi/../csi/x", "/var/lib/kubelet/pods/1234",
	} {
		assert.ErrorContains(t, checkStateDir(bad), "the kubelet cleans up", bad)
	}
	assert.NoError(t, checkStateDir("/var/lib/kubelet/plugins/local.csi.example.com/state"))
}

// rules tests: what a backend that has everything in f is told.
func faultsOf(f features) string {
	f.locator = &coreBackend{}
	_, err := f.check()
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRule32_ContradictionsAreFoundAtStart(t *testing.T) {
	none := []AccessMode{}
	everything := &everythingBackend{}
	for want, f := range map[string]features{
		"both empty":                     {traits: Traits{Mount: none, Block: none}},
		"needs a NodeDescriber":          {traits: Traits{TopologyKeys: []string{"example.com/zone"}}},
		"implement Attacher":             {traits: Traits{ReadOnlyAttach: true}},
		"implement Snapshotter":          {traits: Traits{SnapshotTopology: true}},
		"needs Traits.TopologyKeys":      {traits: Traits{SnapshotTopology: true}, snapshotter: everything, provisioner: everything},
		"implement Expander":             {traits: Traits{OfflineExpansion: true}},
		"all of whose volumes are share": {traits: Traits{MountGroup: true}},
		"PerPod is only for shares":      {traits: Traits{PerPod: true}},
		"which a Snapshotter cannot cut": {traits: Traits{PerPod: true, Block: none}, snapshotter: everything, provisioner: everything},
		"would never be called":          {traits: Traits{PerPod: true, Block: none}, nodeExpander: everything},
		"Populator needs Traits.PerPod":  {populator: everything},
		"Ephemeral volumes always have":  {traits: Traits{Mount: none}, ephemeral: everything},
		"Cloner makes volumes":           {cloner: everything},
		"Snapshotter makes volumes":      {snapshotter: everything},
		"SnapshotLister lists what":      {snapshotLister: everything},
		"99 is no access mode":           {traits: Traits{Mount: []AccessMode{99}}},
		"SINGLE_NODE_WRITER twice":       {traits: Traits{Block: []AccessMode{SingleNodeWriter, SingleNodeWriter}}},
	} {
		assert.Contains(t, faultsOf(f), want)
	}
	assert.Empty(t, faultsOf(features{}))
	assert.Empty(t, faultsOf(features{traits: Traits{PerPod: true, MountGroup: true, Block: none}, populator: everything, ephemeral: everything}))
}

func TestRule28_TopologyKeys(t *testing.T) {
	for _, bad := range [][]string{
		{"example.com/zone", "example.com/zone"}, {"example.com/Zone", "example.com/zone"}, {"Example.com/zone"}, {"/zone"}, {"example.com/"},
		{"-zone"}, {"example.com/" + strings.Repeat("x", 64)}, {strings.Repeat("x", 64) + "/zone"},
	} {
		_, err := checkTopologyKeys(bad)
		assert.ErrorContains(t, err, "Traits.TopologyKeys", bad)
	}
	warnings, err := checkTopologyKeys([]string{"topology.csi.example.com/zone", "topology.csi.example.com/rack"})
	require.NoError(t, err)
	assert.Empty(t, warnings)
}

func TestRuling36_DifferentPrefixesAreAWarning(t *testing.T) {
	b := &everythingBackend{coreBackend{traits: Traits{TopologyKeys: []string{"topology.kubernetes.io/zone", "topology.ebs.csi.aws.com/zone"}}}}
	_, log := newCoreDriver(t, b, func(o *Options) { o.Disable = []string{"Populator"} })
	assert.Contains(t, log.String(), "level=WARN")
	assert.Contains(t, log.String(), "differ in their prefix")
}

func TestNodeServiceIsServedByEveryBackend(t *testing.T) {
	d, _ := newCoreDriver(t, onlyLocator{}, func(o *Options) { o.Services = NodeService })
	assert.False(t, d.features.controls())
}

// onlyLocator is the least that New takes.
type onlyLocator struct{}

func (onlyLocator) Locate(context.Context, NodeVolume) (Source, error) { return nil, ErrUnavailable }
