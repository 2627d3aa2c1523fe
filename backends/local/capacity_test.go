//go:build linux

package local_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
)

func available(t testing.TB, b *local.Backend, parameters map[string]string) int64 {
	t.Helper()
	c, err := b.Capacity(t.Context(), csi.CapacityQuery{Parameters: parameters})
	require.NoError(t, err)
	return c.Available
}

var thickly = map[string]string{"allocation": "thick"}

func TestCapacity_WhatIsToldIsWhatCanBeMade(t *testing.T) {
	pool := newPool(t, "ext4", 128*mib)
	b := open(t, pool)
	left := available(t, b, nil)
	require.Greater(t, left, int64(80*mib))
	require.Less(t, left, int64(128*mib))
	_, err := b.CreateVolume(t.Context(), spec("too large", left+1))
	require.ErrorIs(t, err, csi.ErrExhausted)
	require.Empty(t, tree(t, pool))
	create(t, b, "all", left)
	require.Zero(t, available(t, b, nil), "thin volumes are promised in full")
	_, err = b.CreateVolume(t.Context(), spec("one more", mib))
	require.ErrorIs(t, err, csi.ErrExhausted)
	require.ErrorContains(t, err, "over-commit ratio 1")
}

func TestCapacity_Overcommit(t *testing.T) {
	pool := newPool(t, "ext4", 128*mib)
	plain := available(t, open(t, pool), nil)
	b := open(t, pool, func(o *local.Options) { o.Overcommit, o.MaxVolumeSize = 3, 200*mib })
	c, err := b.Capacity(t.Context(), csi.CapacityQuery{})
	require.NoError(t, err)
	require.InDelta(t, 3*plain, c.Available, 4*mib)
	require.Equal(t, int64(200*mib), c.MaxVolume)
	require.Equal(t, int64(mib), c.MinVolume)
	create(t, b, "thin", 90*mib)
	require.InDelta(t, 3*plain-90*mib, available(t, b, nil), 4*mib)
	thick := available(t, b, thickly)
	require.LessOrEqual(t, thick, plain+2*mib, "thick volumes need space that is there")
	s := spec("thick", thick+2*mib)
	s.Parameters = thickly
	_, err = b.CreateVolume(t.Context(), s)
	require.ErrorIs(t, err, csi.ErrExhausted)
}

func TestCapacity_OtherFilesDoNotCount(t *testing.T) {
	pool := newPool(t, "ext4", 128*mib)
	b := open(t, pool)
	before := available(t, b, nil)
	require.NoError(t, os.WriteFile(filepath.Join(pool, "other"), make([]byte, 32*mib), 0o600))
	require.InDelta(t, before-32*mib, available(t, b, nil), 2*mib)
}

func TestCapacity_WhatAVolumeHoldsDoesNotCountTwice(t *testing.T) {
	pool := newPool(t, "ext4", 128*mib)
	b := open(t, pool)
	v := create(t, b, "v", 40*mib)
	before := available(t, b, nil)
	require.NoError(t, os.WriteFile(image(pool, "volumes", v.ID), make([]byte, 40*mib), 0o600))
	require.InDelta(t, before, available(t, b, nil), 2*mib)
	cut(t, b, "s", v.ID)
	require.InDelta(t, before-40*mib, available(t, b, nil), 2*mib, "a snapshot promises what it holds")
}

func TestCapacity_ElsewhereIsNothing(t *testing.T) {
	b := open(t, newPool(t, "", 0))
	c, err := b.Capacity(t.Context(), csi.CapacityQuery{Topology: csi.Topology{local.TopologyKey: "n2"}})
	require.NoError(t, err)
	require.Zero(t, c.Available)
	_, err = b.Capacity(t.Context(), csi.CapacityQuery{Parameters: map[string]string{"x": "y"}})
	require.ErrorIs(t, err, csi.ErrInvalid)
}

func TestFullPool_CopyIsUndoneAndNothingIsLost(t *testing.T) {
	pool := newPool(t, "ext4", 128*mib)
	b := open(t, pool, func(o *local.Options) { o.Overcommit = 10 })
	v := create(t, b, "v", 80*mib)
	want := fill(t, image(pool, "volumes", v.ID), 70*mib, 3)
	require.NoError(t, os.Truncate(image(pool, "volumes", v.ID), 80*mib))
	sumBefore := sum(t, image(pool, "volumes", v.ID))
	before := tree(t, pool)

	_, err := b.CreateSnapshot(t.Context(), csi.SnapshotSpec{Name: "s", Volume: csi.VolumeRef{ID: v.ID}})
	require.ErrorIs(t, err, csi.ErrExhausted)
	require.Equal(t, before, tree(t, pool))
	_, err = b.CloneVolume(t.Context(), csi.VolumeRef{ID: v.ID}, spec("c", 0))
	require.ErrorIs(t, err, csi.ErrExhausted)
	require.Equal(t, before, tree(t, pool))
	require.Equal(t, sumBefore, sum(t, image(pool, "volumes", v.ID)))
	require.NotEqual(t, want, sumBefore)
}

// On a file system with so few free blocks that even the metadata fails at
// some point, each failure is ErrExhausted and leaves nothing.
func TestFullPool_ENOSPCAnywhere(t *testing.T) {
	pool := newPool(t, "ext4", 32*mib)
	b := open(t, pool, func(o *local.Options) { o.Overcommit = 1000 })
	create(t, b, "first", mib)
	filler, err := os.Create(filepath.Join(pool, "filler"))
	require.NoError(t, err)
	var st unix.Statfs_t
	require.NoError(t, unix.Fstatfs(int(filler.Fd()), &st))
	for free := int64(st.Bfree); free > 0; free-- {
		if _, err := filler.Write(make([]byte, st.Bsize)); err != nil {
			break
		}
	}
	require.NoError(t, filler.Sync())
	for i := range int64(24) {
		before := tree(t, pool)
		_, err := b.CreateVolume(t.Context(), spec(fmt.Sprint("v", i), mib))
		if err != nil {
			require.ErrorIs(t, err, csi.ErrExhausted)
			require.Equal(t, before, tree(t, pool))
		}
		info, err := filler.Stat()
		require.NoError(t, err)
		require.NoError(t, filler.Truncate(info.Size()-st.Bsize))
	}
	require.NoError(t, filler.Close())
}

// Any sequence of changes keeps the promises within what the ratio allows, and
// the way back leads to where it began.
func TestCapacity_Property(t *testing.T) {
	pool := newPool(t, "ext4", 96*mib)
	ratio := 2.0
	b := open(t, pool, func(o *local.Options) { o.Overcommit = ratio })
	create(t, b, "x", mib)
	require.NoError(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: "n1/" + hashOf("x")}))
	start := available(t, b, nil)
	require.NoError(t, flag.Set("rapid.checks", "30")) // each takes a tenth of a second
	rapid.Check(t, func(r *rapid.T) {
		sizes := map[string]int64{}
		check := func(err error) bool {
			if err != nil && (!isAny(err, csi.ErrExhausted, csi.ErrNotFound)) {
				r.Fatalf("unexpected: %v", err)
			}
			return err == nil
		}
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "name")
			id := "n1/" + hashOf(name)
			n := rapid.Int64Range(1, 120*mib).Draw(r, "size")
			switch rapid.IntRange(0, 3).Draw(r, "step") {
			case 0, 1:
				s := spec(name, n)
				if rapid.Bool().Draw(r, "thick") {
					s.Parameters = thickly
				}
				v, err := b.CreateVolume(t.Context(), s)
				if isAny(err, csi.ErrExists) || !check(err) {
					continue
				}
				sizes[name] = v.Size
			case 2:
				if err := b.GrowDevice(t.Context(), growth(id, n)); check(err) {
					v, err := b.Volume(t.Context(), csi.VolumeRef{ID: id})
					check(err)
					if v.Size < n || v.Size < sizes[name] {
						r.Fatalf("grown to %d, want %d, was %d", v.Size, n, sizes[name])
					}
					sizes[name] = v.Size
				}
			case 3:
				if check(b.DeleteVolume(t.Context(), csi.VolumeRef{ID: id})) {
					delete(sizes, name)
				}
			}
			var promised int64
			for _, size := range sizes {
				promised += size
			}
			left := available(t, b, nil)
			if left < 0 || promised+left > start+3*mib || (left > 0 && promised+left < start-6*mib) {
				r.Fatalf("promised %d, left %d, at the start %d", promised, left, start)
			}
		}
		for name := range sizes {
			check(b.DeleteVolume(t.Context(), csi.VolumeRef{ID: "n1/" + hashOf(name)}))
		}
		if left := available(t, b, nil); left != start {
			r.Fatalf("%d left at the end, %d at the start", left, start)
		}
	})
}
