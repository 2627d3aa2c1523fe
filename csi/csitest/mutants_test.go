package csitest

import (
	"github.com/csikit/csikit/csi"
)

// A mutant is a backend that is wrong in one way, and the checks that must
// find it.
type mutant struct {
	name  string
	make  func(m *Memory) csi.Locator
	found []string
}

// absorbed are faults that the framework makes good: the checks named must
// pass all the same.
var absorbed = []mutant{
	{"lists some volumes twice", func(m *Memory) csi.Locator { return &listsTwice{m} }, []string{"Rule13/EveryPageSize", "Rule13/DeletedWhilePaging"}},
	{"takes a volume from its node", func(m *Memory) csi.Locator { return &steals{m} }, []string{"Rule10/PublishToSecondNode"}},
	{"does not name the other node", func(m *Memory) csi.Locator { return &namesNoNode{m} }, []string{"Rule10/PublishToSecondNode"}},
	{"attaches volumes that are gone", func(m *Memory) csi.Locator { return &attachesGhosts{m} }, []string{"Rule10/VolumeUnknown"}},
	{"takes the snapshot of another volume", func(m *Memory) csi.Locator { return &anySnapshot{m} }, []string{"Rule15/OtherVolumeExists"}},
	{"takes the group of other volumes", func(m *Memory) csi.Locator { return &anyGroup{m} }, []string{"Rule36/OtherVolumesExist"}},
	{"tells secrets in errors", func(m *Memory) csi.Locator { return &tellsSecrets{m} }, []string{"Rule17/VolumeUnknown"}},
	{"never sees its caller leave", func(m *Memory) csi.Locator { return &deaf{m} }, []string{"Rule31/LocateEndsWithItsCaller", "Rule31/UnstageCancelsStage"}},
}

// mutants are the faults of backends, each of which some driver has had.
var mutants = []mutant{
	{"creates a second volume of a name", func(m *Memory) csi.Locator { return &createsTwice{Memory: m} },
		[]string{"Rule1/SameNameSameVolume", "Rule1/SameVolumeAfterRestart", "Rule40/ErrorAfterEveryCall", "Rule40/CrashAfterEveryCall", "Rule31/RestartBetweenAnyTwo"}},
	{"remembers names only until it restarts", func(m *Memory) csi.Locator { return &forgetsNames{Memory: m, names: map[string]string{}} },
		[]string{"Rule1/SameVolumeAfterRestart", "Rule31/RestartBetweenAnyTwo"}},
	{"compares sizes for equality", func(m *Memory) csi.Locator { return &wantsEqualSize{m} }, []string{"Rule1/SizeIsARange"}},
	{"takes any name for the same", func(m *Memory) csi.Locator { return &oneVolume{m} }, []string{"Rule1/OtherNameOtherVolume", "Rule1/ParallelNames"}},
	{"rounds sizes down", func(m *Memory) csi.Locator { return &roundsDown{m} }, []string{"Rule6/NeverSmallerThanAsked"}},
	{"overflows", func(m *Memory) csi.Locator { return &overflows{m} }, []string{"Rule3/Huge"}},
	{"refuses small sizes", func(m *Memory) csi.Locator { return &refusesSmall{m} }, []string{"Rule3/OneByte"}},
	{"ignores the limit", func(m *Memory) csi.Locator { return &ignoresLimit{m} }, []string{"Rule3/LimitBelowMinimum"}},
	{"refuses access modes that it names", func(m *Memory) csi.Locator { return &refusesReaders{m} }, []string{"Rule2/EveryModeWorks"}},
	{"needs a size", func(m *Memory) csi.Locator { return &needsSize{m} }, []string{"Rule3/NoRange"}},
	{"knows only plain names", func(m *Memory) csi.Locator { return &plainNames{m} }, []string{"Rule29/Charset"}},
	{"cuts long names", func(m *Memory) csi.Locator { return &shortNames{m} }, []string{"Rule29/LongNames"}},
	{"forgets the source of a volume", func(m *Memory) csi.Locator { return &forgetsSource{m} }, []string{"Rule4/RestoreSaysItsSource", "Rule4/CloneSaysItsSource"}},
	{"asks for the source again", func(m *Memory) csi.Locator { return &needsSource{m} }, []string{"Rule4/SnapshotGoneSince", "Rule4/VolumeGoneSince"}},
	{"makes restored volumes as large as the snapshot", func(m *Memory) csi.Locator { return &restoreKeepsSize{m} }, []string{"Rule4/RestoreLarger"}},
	{"knows snapshots that are gone", func(m *Memory) csi.Locator { return &undead{Memory: m} },
		[]string{"Rule4/SnapshotMissing", "Rule14/GetSnapshot", "Rule4/VolumeMissing", "Rule12/VolumeUnknown", "Rule6/GetVolume", "Rule8/DeletedIsGone"}},
	{"puts volumes where nobody asked", func(m *Memory) csi.Locator { return &anywhere{m} }, []string{"Rule5/WhereAsked", "Rule5/Nowhere", "Rule5/CapacityNowhere"}},
	{"deletes volumes in use", func(m *Memory) csi.Locator { return &deletesInUse{m} }, []string{"Rule8/DeleteAttached", "Rule8/DeleteStaged"}},
	{"finds ghosts healthy", func(m *Memory) csi.Locator { return &healthyGhosts{m} }, []string{"Rule6/VolumeHealth"}},
	{"fails to delete what is gone", func(m *Memory) csi.Locator { return &deleteFails{m} }, []string{"Rule8/DeleteTwice", "Rule8/DeleteUnknown"}},
	{"says deleted and does not", func(m *Memory) csi.Locator { return &deleteLies{m} }, []string{"Rule8/DeletedIsGone", "Rule1/SameNameSameVolume"}},
	{"deletes the snapshots with the volume", func(m *Memory) csi.Locator { return &snapshotsDie{m} }, []string{"Rule9/SnapshotOutlivesVolume"}},
	{"changes the publish context", func(m *Memory) csi.Locator { return &newContext{Memory: m} }, []string{"Rule10/AttachTwice"}},
	{"attaches to one node only", func(m *Memory) csi.Locator { return &oneNode{m} }, []string{"Rule10/SharedByNodes"}},
	{"attaches to any node", func(m *Memory) csi.Locator { return &anyNode{m} }, []string{"Rule10/NodeUnknown"}},
	{"changes the mode of an attachment", func(m *Memory) csi.Locator { return &changesMode{m} }, []string{"Rule10/OtherModeExists"}},
	{"says detached and does not", func(m *Memory) csi.Locator { return &detachLies{m} }, []string{"Rule11/DetachIsTrue", "Rule10/AttachTwice"}},
	{"says not found instead of detached", func(m *Memory) csi.Locator { return &detachNotFound{m} }, []string{"Rule11/DetachTwice", "Rule11/DetachDeleted"}},
	{"detaches from all nodes", func(m *Memory) csi.Locator { return &detachesAll{m} }, []string{"Rule11/DetachOnlyThere"}},
	{"ignores an empty node", func(m *Memory) csi.Locator { return &detachesNone{m} }, []string{"Rule11/DetachAllNodes"}},
	{"does not say where volumes are attached", func(m *Memory) csi.Locator { return &hidesNodes{m} }, []string{"Rule13/PublishedNodes"}},
	{"does not list the last volume", func(m *Memory) csi.Locator { return &listsLess{m} }, []string{"Rule13/EveryPageSize", "Rule13/EverySnapshotPageSize"}},
	{"has no capacity", func(m *Memory) csi.Locator { return &noCapacity{m} }, []string{"Rule3/Capacity"}},
	{"cuts a second snapshot of a name", func(m *Memory) csi.Locator { return &snapshotsTwice{Memory: m} }, []string{"Rule15/SameNameSameSnapshot", "Rule40/ErrorAfterEveryCall"}},
	{"takes the snapshot of another volume", func(m *Memory) csi.Locator { return &anySnapshot{m} }, []string{"Rule15/OtherNameOtherSnapshot"}},
	{"snapshots volumes that are gone", func(m *Memory) csi.Locator { return &snapshotsGhosts{m} }, []string{"Rule15/VolumeUnknown"}},
	{"cannot snapshot what is in use", func(m *Memory) csi.Locator { return &snapshotNeedsRest{m} }, []string{"Rule15/OfAVolumeInUse"}},
	{"fails to delete snapshots that are gone", func(m *Memory) csi.Locator { return &deleteSnapshotFails{m} }, []string{"Rule16/DeleteTwice"}},
	{"says snapshot deleted and does not", func(m *Memory) csi.Locator { return &deleteSnapshotLies{m} }, []string{"Rule16/DeletedIsGone"}},
	{"cuts a second group of a name", func(m *Memory) csi.Locator { return &groupsTwice{m} }, []string{"Rule36/SameNameSameGroup"}},
	{"cuts a group one by one", func(m *Memory) csi.Locator { return &groupsOneByOne{m} }, []string{"Rule36/AllOrNothing"}},
	{"says of a group what it is told", func(m *Memory) csi.Locator { return &echoes{m} }, []string{"Rule36/ListMismatch"}},
	{"says group deleted and does not", func(m *Memory) csi.Locator { return &groupLives{m} }, []string{"Rule36/DeleteTwice", "Rule36/GetGroup"}},
	{"deletes a snapshot out of its group", func(m *Memory) csi.Locator { return &loose{m} }, []string{"Rule36/MemberStaysInGroup"}},
	{"restores no member of a group", func(m *Memory) csi.Locator { return &restoresSingles{m} }, []string{"Rule36/RestoreMember"}},
	{"does not grow", func(m *Memory) csi.Locator { return &neverGrows{m} }, []string{"Rule17/Grows", "Rule27/SeesTheGrowth", "Regression/ExpandBeforeStage"}},
	{"shrinks", func(m *Memory) csi.Locator { return &shrinks{m} }, []string{"Rule17/LargeEnough"}},
	{"grows what is gone", func(m *Memory) csi.Locator { return &growsGhosts{m} }, []string{"Rule17/VolumeUnknown"}},
	{"grows beyond all storage", func(m *Memory) csi.Locator { return &growsWithoutEnd{m} }, []string{"Rule17/Huge"}},
	{"grows only what is not in use", func(m *Memory) csi.Locator { return &growsAtRest{m} }, []string{"Rule17/OnlineOrOffline"}},
	{"modifies nothing", func(m *Memory) csi.Locator { return &modifiesNothing{m} }, []string{"Rule7/Modifies", "Rule7/VolumeUnknown"}},
	{"modifies half", func(m *Memory) csi.Locator { return &modifiesHalf{m} }, []string{"Rule7/AllOrNothing"}},
	{"ignores mutable parameters", func(m *Memory) csi.Locator { return &ignoresMutable{m} }, []string{"Rule7/MutableWins"}},
	{"locates what is not there", func(m *Memory) csi.Locator { return &locatesGhosts{m} }, []string{"Rule19/VolumeUnknown"}},
	{"locates once", func(m *Memory) csi.Locator { return &locatesOnce{m} }, []string{"Ruling25/Reboot"}},
	{"never releases", func(m *Memory) csi.Locator { return &neverReleases{m} }, []string{"Rule20/UnstageUnmounts", "Rule19/StageTwice"}},
	{"keeps inline volumes", func(m *Memory) csi.Locator { return &keepsInline{m} }, []string{"Ruling30/InlineLivesAndDies"}},
	{"forgets inline volumes", func(m *Memory) csi.Locator { return &forgetsInline{m} }, []string{"Ruling30/InlineLivesAndDies"}},
	{"puts secrets into the volume context", func(m *Memory) csi.Locator { return &secretContext{m} }, []string{"Rule1/SameNameSameVolume", "Rule30/StateHoldsNoSecret"}},
	{"leaves goroutines", func(m *Memory) csi.Locator { return &leaksGoroutines{m} }, []string{"Rule1/SameNameSameVolume"}},
	{"is another node after a restart", func(m *Memory) csi.Locator { return &newNode{m} }, []string{"Rule28/NodeInfo"}},
	{"is never ready", func(m *Memory) csi.Locator { return &unhealthy{m} }, []string{"Rule33/ProbeReady"}},
	{"has no usage", func(m *Memory) csi.Locator { return &wrongUsage{m} }, []string{"Rule26/Usage", "Rule27/SeesTheGrowth"}},
}
