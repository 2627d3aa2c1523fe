//go:build linux

package local_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
)

func BenchmarkCreateDelete(b *testing.B) {
	l := open(b, newPool(b, "", 0))
	for i := 0; b.Loop(); i++ {
		v := create(b, l, fmt.Sprint(i), gib)
		require.NoError(b, l.DeleteVolume(b.Context(), csi.VolumeRef{ID: v.ID}))
	}
}

func BenchmarkLocateRelease(b *testing.B) {
	l := open(b, newPool(b, "", 0))
	v := csi.NodeVolume{ID: create(b, l, "v", gib).ID}
	for b.Loop() {
		_, err := l.Locate(b.Context(), v)
		require.NoError(b, err)
		require.NoError(b, l.Release(b.Context(), v))
	}
}

// A volume with 64 MiB of data is cloned and the clone deleted, beside cp.
func BenchmarkClone(b *testing.B) {
	for name, p := range pools {
		pool := newPool(b, p.fstype, 1200*mib)
		l := open(b, pool, func(o *local.Options) { o.Overcommit = 10 })
		v := create(b, l, "v", gib)
		f, err := os.OpenFile(image(pool, "volumes", v.ID), os.O_RDWR, 0)
		require.NoError(b, err)
		_, err = f.WriteAt(bytes.Repeat([]byte("data"), 16*mib), 8*mib)
		require.NoError(b, err)
		require.NoError(b, f.Sync())
		require.NoError(b, f.Close())
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				c, err := l.CloneVolume(b.Context(), csi.VolumeRef{ID: v.ID}, spec(fmt.Sprint(i), 0))
				require.NoError(b, err)
				require.NoError(b, l.DeleteVolume(b.Context(), csi.VolumeRef{ID: c.ID}))
			}
		})
		for _, mode := range []string{"never", "auto"} {
			b.Run(name+"/cp --sparse=auto --reflink="+mode, func(b *testing.B) {
				copied := filepath.Join(pool, "copied")
				for b.Loop() {
					run(b, "cp", "--reflink="+mode, f.Name(), copied)
					run(b, "sync", copied)
					require.NoError(b, os.Remove(copied))
				}
			})
		}
	}
}
