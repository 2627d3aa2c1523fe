package csi

import (
	"context"
	"iter"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everythingBackend implements every optional interface.
type everythingBackend struct{ coreBackend }

func (*everythingBackend) CheckAccess(context.Context, AccessQuery) error { return nil }
func (*everythingBackend) Attach(context.Context, Attachment) (map[string]string, error) {
	return nil, nil
}
func (*everythingBackend) Detach(context.Context, Attachment) error { return nil }
func (*everythingBackend) ExpandVolume(context.Context, Expansion) (Expanded, error) {
	return Expanded{}, nil
}
func (*everythingBackend) GrowDevice(context.Context, Expansion) error      { return nil }
func (*everythingBackend) ModifyVolume(context.Context, Modification) error { return nil }
func (*everythingBackend) CreateSnapshot(context.Context, SnapshotSpec) (*Snapshot, error) {
	return nil, nil
}
func (*everythingBackend) DeleteSnapshot(context.Context, SnapshotRef) error { return nil }
func (*everythingBackend) Snapshot(context.Context, SnapshotRef) (*Snapshot, error) {
	return nil, nil
}
func (*everythingBackend) RestoreVolume(context.Context, SnapshotRef, VolumeSpec) (*Volume, error) {
	return nil, nil
}
func (*everythingBackend) CloneVolume(context.Context, VolumeRef, VolumeSpec) (*Volume, error) {
	return nil, nil
}
func (*everythingBackend) ListVolumes(context.Context, ListQuery) iter.Seq2[*Volume, error] {
	return nil
}
func (*everythingBackend) ListSnapshots(context.Context, ListQuery) iter.Seq2[*Snapshot, error] {
	return nil
}
func (*everythingBackend) Capacity(context.Context, CapacityQuery) (Capacity, error) {
	return Capacity{}, nil
}
func (*everythingBackend) VolumeHealth(context.Context, VolumeRef) ([]Problem, error) {
	return nil, nil
}
func (*everythingBackend) UnhealthyVolumes(context.Context, ListQuery) iter.Seq2[VolumeProblem, error] {
	return nil
}
func (*everythingBackend) NodeVolumeHealth(context.Context, StagedVolume) ([]Problem, error) {
	return nil, nil
}
func (*everythingBackend) VolumeUsage(context.Context, StagedVolume) (Usage, error) {
	return Usage{}, nil
}
func (*everythingBackend) DescribeNode(context.Context) (NodeInfo, error)      { return NodeInfo{}, nil }
func (*everythingBackend) Release(context.Context, NodeVolume) error           { return nil }
func (*everythingBackend) Formatted(context.Context, NodeVolume) (bool, error) { return false, nil }
func (*everythingBackend) MarkFormatted(context.Context, NodeVolume) error     { return nil }
func (*everythingBackend) CreateEphemeral(context.Context, NodeVolume) error   { return nil }
func (*everythingBackend) DeleteEphemeral(context.Context, NodeVolume) error   { return nil }
func (*everythingBackend) EphemeralVolumes(context.Context) ([]string, error)  { return nil, nil }
func (*everythingBackend) CreateGroupSnapshot(context.Context, GroupSpec) (*GroupSnapshot, error) {
	return nil, nil
}
func (*everythingBackend) DeleteGroupSnapshot(context.Context, GroupRef) error { return nil }
func (*everythingBackend) GroupSnapshot(context.Context, GroupRef) (*GroupSnapshot, error) {
	return nil, nil
}
func (*everythingBackend) Populate(context.Context, string, NodeVolume) error { return nil }

func TestEveryAbilityIsDiscoveredAndCanBeDisabled(t *testing.T) {
	f, err := discover(&everythingBackend{}, nil)
	require.NoError(t, err)
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Interface {
			assert.False(t, v.Field(i).IsNil(), v.Type().Field(i).Name)
		}
	}
	for _, a := range abilities {
		f, err := discover(&everythingBackend{}, []string{a.name})
		require.NoError(t, err)
		with, without := countAbilities(f), len(abilities)-1
		assert.Equal(t, without, with, a.name)
	}
	f, err = discover(onlyLocator{}, nil)
	require.NoError(t, err)
	assert.Zero(t, countAbilities(f))
}

func countAbilities(f features) (n int) {
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Interface && !v.Field(i).IsNil() && v.Type().Field(i).Name != "locator" {
			n++
		}
	}
	return n
}

type staleBackend struct{ onlyLocator }

func (staleBackend) ExpandVolume(context.Context, string, int64) (int64, error) { return 0, nil }

type halfBackend struct{ onlyLocator }

func (halfBackend) Attach(context.Context, Attachment) (map[string]string, error) { return nil, nil }

type staleTraits struct{ onlyLocator }

func (staleTraits) Traits() *Traits { return nil }

type pointerBackend struct{ onlyLocator }

func (*pointerBackend) Release(context.Context, NodeVolume) error { return nil }

func TestRuling4_StaleSignatureIsAnError(t *testing.T) {
	for _, c := range []struct {
		backend Locator
		want    []string
	}{
		{staleBackend{}, []string{"csi.staleBackend has a method of csi.Expander", "ExpandVolume is func(context.Context, string, int64) (int64, error), want func(context.Context, csi.Expansion) (csi.Expanded, error)", `put "Expander" into Options.Disable`}},
		{halfBackend{}, []string{"csi.Attacher", "complete the interface"}},
		{staleTraits{}, []string{"csi.Describer", "Traits is func() *csi.Traits, want func() csi.Traits"}},
		{pointerBackend{}, []string{"*csi.pointerBackend implements csi.Releaser", "give New a pointer"}},
	} {
		_, err := discover(c.backend, nil)
		for _, want := range c.want {
			assert.ErrorContains(t, err, want)
		}
	}
	_, err := discover(staleBackend{}, []string{"Expander"})
	assert.NoError(t, err)
	_, err = discover(&pointerBackend{}, nil)
	assert.NoError(t, err)
}

func TestOffersNamesWhatIsHereAndNotDisabled(t *testing.T) {
	d, err := New("d.example.com", &everythingBackend{}, &Options{Disable: []string{"Attacher", "Populator"}})
	require.NoError(t, err)
	assert.True(t, d.Offers("Snapshotter"))
	assert.False(t, d.Offers("Attacher"))
	assert.False(t, d.Offers("Snapshoter"))
	assert.Equal(t, d.features.traits, d.Traits())
}
