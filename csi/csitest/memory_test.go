package csitest_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/csitest"
)

func TestStartServes(t *testing.T) {
	conn := csitest.Start(t, csitest.NewMemory(nil).Harness().NewDriver(t))
	info, err := csipb.NewIdentityClient(conn).GetPluginInfo(t.Context(), &csipb.GetPluginInfoRequest{})
	require.NoError(t, err)
	require.Equal(t, "csitest", info.GetVendorVersion())
}

// TestMemoryLimits covers what the kit cannot see from outside: how much the
// store and its nodes hold.
func TestMemoryLimits(t *testing.T) {
	ctx := context.Background()
	m := csitest.NewMemory(&csitest.MemoryOptions{Capacity: 3 << 20, Nodes: []csi.NodeInfo{{ID: "small", MaxVolumes: 1}}})
	create := func(name string, size int64) (*csi.Volume, error) {
		return m.CreateVolume(ctx, csi.VolumeSpec{Name: name, Size: csi.SizeRange{Required: size}})
	}
	a, err := create("a", 1<<20)
	require.NoError(t, err)
	b, err := create("b", 1<<20)
	require.NoError(t, err)
	_, err = create("c", 2<<20)
	require.ErrorIs(t, err, csi.ErrExhausted)
	_, err = m.ExpandVolume(ctx, csi.Expansion{VolumeRef: csi.VolumeRef{ID: a.ID}, Size: csi.SizeRange{Required: 3 << 20}})
	require.ErrorIs(t, err, csi.ErrExhausted)

	attach := func(id string) error {
		_, err := m.Attach(ctx, csi.Attachment{VolumeRef: csi.VolumeRef{ID: id}, Node: "small", Access: csi.Access{Mode: csi.SingleNodeWriter}})
		return err
	}
	require.NoError(t, attach(a.ID))
	require.ErrorIs(t, attach(b.ID), csi.ErrExhausted)
	require.Len(t, m.Left(), 2)
}

// TestMemoryParameters: other parameters of the same name are ErrExists, and
// shared access depends on them.
func TestMemoryParameters(t *testing.T) {
	ctx := context.Background()
	m := csitest.NewMemory(nil)
	spec := csi.VolumeSpec{Name: "a", Parameters: map[string]string{"tier": "bronze"}}
	v, err := m.CreateVolume(ctx, spec)
	require.NoError(t, err)
	spec.Mutable = map[string]string{"tier": "gold"}
	_, err = m.CreateVolume(ctx, spec)
	require.ErrorIs(t, err, csi.ErrExists)
	require.ErrorIs(t, m.CheckAccess(ctx, csi.AccessQuery{Volume: v, Access: csi.Access{Mode: csi.MultiNodeMultiWriter}}), csi.ErrInvalid)
	for _, bad := range []map[string]string{{"tier": "lead"}, {"iops": "many"}, {"speed": "9"}} {
		_, err = m.CreateVolume(ctx, csi.VolumeSpec{Name: "b", Parameters: bad})
		require.ErrorIs(t, err, csi.ErrInvalid)
	}
}

// TestCapabilitiesFollowTheBackend: what is not implemented, or disabled, is
// not advertised.
func TestCapabilitiesFollowTheBackend(t *testing.T) {
	m := csitest.NewMemory(nil)
	for _, c := range []struct {
		backend csi.Locator
		disable []string
		want    int
	}{
		{m, nil, 15},
		{m, []string{"Snapshotter", "GroupSnapshotter", "SnapshotLister"}, 12},
		{m.Minimal(), nil, 3},
		{m.LocateOnly(), nil, 1},
	} {
		d, err := csi.New("mem.csikit.io", c.backend, &csi.Options{StateDir: t.TempDir(), NodeID: "node-1", Disable: c.disable, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		got, err := csipb.NewControllerClient(csitest.Start(t, d)).ControllerGetCapabilities(t.Context(), &csipb.ControllerGetCapabilitiesRequest{})
		require.NoError(t, err)
		require.Len(t, got.GetCapabilities(), c.want, "%T less %v: %v", c.backend, c.disable, got)
	}
}
