//go:build linux

package local_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
)

func inline(id string, attributes map[string]string) csi.NodeVolume {
	return csi.NodeVolume{ID: id, Ephemeral: true, Context: attributes}
}

func TestRuling30_EphemeralVolumes(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool, func(o *local.Options) { o.EphemeralSize = 3 * mib })
	id := "csi-0123456789abcdef/../x"
	v := inline(id, map[string]string{"size": "5Mi", "csi.storage.k8s.io/ephemeral": "true", "fs.csikit.io/x": "y"})
	require.NoError(t, b.CreateEphemeral(t.Context(), v))
	require.NoError(t, b.CreateEphemeral(t.Context(), v))
	require.NoError(t, b.CreateEphemeral(t.Context(), inline("other", nil)))
	d := locate(t, b, v)
	require.Equal(t, int64(5*mib), d.MinSize)
	require.True(t, d.ReadsZero)
	require.Equal(t, int64(3*mib), locate(t, b, inline("other", nil)).MinSize)
	require.NoError(t, b.MarkFormatted(t.Context(), v))

	got, err := open(t, pool).EphemeralVolumes(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []string{id, "other"}, got)
	require.Empty(t, ids(t, b), "not listed as volumes")

	require.ErrorIs(t, b.DeleteEphemeral(t.Context(), csi.NodeVolume{ID: id}), csi.ErrInUse)
	require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: id}), "also without the mark that it is ephemeral")
	require.NoError(t, b.DeleteEphemeral(t.Context(), csi.NodeVolume{ID: id}))
	require.NoError(t, b.DeleteEphemeral(t.Context(), csi.NodeVolume{ID: id}))
	got, err = b.EphemeralVolumes(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"other"}, got)
}

func TestEphemeral_BadAttributes(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool, func(o *local.Options) { o.MaxVolumeSize = gib })
	for _, c := range []struct {
		attributes map[string]string
		err        error
	}{
		{map[string]string{"size": "big"}, csi.ErrInvalid},
		{map[string]string{"size": "0"}, csi.ErrInvalid},
		{map[string]string{"size": "-1Gi"}, csi.ErrInvalid},
		{map[string]string{"Size": "1Gi"}, csi.ErrInvalid},
		{map[string]string{"size": "2Gi"}, csi.ErrOutOfRange},
	} {
		require.ErrorIs(t, b.CreateEphemeral(t.Context(), inline("e", c.attributes)), c.err, "%v", c.attributes)
	}
	require.Empty(t, tree(t, pool))
}
