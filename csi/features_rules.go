package csi

// A featureRule is a combination of abilities and traits that cannot be
// served, and what to change.
type featureRule struct {
	broken func(*features) bool
	text   string
}

// offersMount and offersBlock report whether there are volumes with a file
// system, and raw ones.
func (f *features) offersMount() bool { return f.traits.Mount == nil || len(f.traits.Mount) > 0 }
func (f *features) offersBlock() bool { return f.traits.Block == nil || len(f.traits.Block) > 0 }

var featureRules = []featureRule{
	{func(f *features) bool { return !f.offersMount() && !f.offersBlock() },
		"Traits.Mount and Traits.Block are both empty, so no volume could be used: leave one of them nil or list its access modes"},
	{func(f *features) bool { return len(f.traits.TopologyKeys) > 0 && f.nodeDescriber == nil },
		"Traits.TopologyKeys needs a NodeDescriber, which tells the node's values: implement it, or name no keys"},
	{func(f *features) bool { return f.traits.ReadOnlyAttach && f.attacher == nil },
		"Traits.ReadOnlyAttach is about attaching: implement Attacher, or leave it false"},
	{func(f *features) bool { return f.traits.SnapshotTopology && f.snapshotter == nil },
		"Traits.SnapshotTopology is about snapshots: implement Snapshotter, or leave it false"},
	{func(f *features) bool { return f.traits.SnapshotTopology && len(f.traits.TopologyKeys) == 0 },
		"Traits.SnapshotTopology needs Traits.TopologyKeys, in which a snapshot's places are told"},
	{func(f *features) bool { return f.traits.OfflineExpansion && !f.expands() },
		"Traits.OfflineExpansion is about growing volumes: implement Expander or NodeExpander, or leave it false"},
	{func(f *features) bool { return f.traits.MountGroup && f.offersBlock() },
		"Traits.MountGroup is only for drivers all of whose volumes are shares (it turns the kubelet's fsGroup off): set Traits.Block to an empty list, or leave it false"},
	{func(f *features) bool { return f.traits.PerPod && f.offersBlock() },
		"Traits.PerPod is only for shares: set Traits.Block to an empty list, or leave it false"},
	{func(f *features) bool { return f.traits.PerPod && f.snapshotter != nil },
		"Traits.PerPod says that what a volume holds is made for each pod, which a Snapshotter cannot cut: drop one of them (Options.Disable)"},
	{func(f *features) bool { return f.traits.PerPod && (f.nodeExpander != nil || f.recorder != nil) },
		"Traits.PerPod volumes have no device, so NodeExpander and FormatRecorder would never be called: drop them (Options.Disable), or leave PerPod false"},
	{func(f *features) bool { return f.populator != nil && !f.traits.PerPod },
		"Populator needs Traits.PerPod: files are written for each pod"},
	{func(f *features) bool { return f.ephemeral != nil && !f.offersMount() },
		"Ephemeral volumes always have a file system: offer access modes in Traits.Mount, or drop Ephemeral (Options.Disable)"},
	{func(f *features) bool { return f.cloner != nil && f.provisioner == nil },
		"Cloner makes volumes, which only a Provisioner can delete: implement it, or drop Cloner (Options.Disable)"},
	{func(f *features) bool { return f.snapshotter != nil && f.provisioner == nil },
		"Snapshotter makes volumes from snapshots, which only a Provisioner can delete: implement it, or drop Snapshotter (Options.Disable)"},
	{func(f *features) bool { return f.groups != nil && f.snapshotter == nil },
		"GroupSnapshotter cuts snapshots that only a Snapshotter can restore: implement it, or drop GroupSnapshotter (Options.Disable)"},
	{func(f *features) bool { return f.healthLister != nil && f.health == nil },
		"HealthLister needs a HealthReporter, whom the CO asks for what a listing missed: implement it, or drop HealthLister (Options.Disable)"},
	{func(f *features) bool { return f.snapshotLister != nil && f.snapshotter == nil },
		"SnapshotLister lists what only a Snapshotter makes: implement it, or drop SnapshotLister (Options.Disable)"},
}
