package fs

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A format may use the proof of a probe just before, and no other one: what was
// written where only a full probe looks is found.
func TestR1_AnOldProofIsNoProof(t *testing.T) {
	const middle = 100 << 20 // a place where xfs and ext4 have copies is near
	for name, between := range map[string]func(d *Device, image string){
		"not under the lock":   func(d *Device, _ string) { require.NoError(t, d.Unlock()) },
		"under another lock":   func(d *Device, _ string) { require.NoError(t, d.Unlock()); require.NoError(t, d.Lock(t.Context())) },
		"of a second ago":      func(d *Device, _ string) { d.proof.since = time.Now().Add(-2 * proofAge) },
		"used already":         func(d *Device, _ string) { require.NotZero(t, d.takeProof().size) },
		"of another size":      func(d *Device, image string) { enlarge(t, d, image, 2*least["xfs"]) },
		"something came since": func(d *Device, _ string) { write(t, d.name, 4096, []byte("somebody")) },
	} {
		t.Run(name, func(t *testing.T) {
			d, image := newDevice(t, least["xfs"])
			require.NoError(t, d.Lock(t.Context()))
			c, err := d.Probe(t.Context())
			require.NoError(t, err)
			require.Equal(t, Empty, c.State)
			write(t, d.name, spanNear(t, middle, least["xfs"]), []byte("somebody"))
			between(d, image)
			if name == "of another size" {
				write(t, d.name, spanNear(t, middle, 2*least["xfs"]), []byte("somebody"))
			}
			require.ErrorIs(t, d.Format(t.Context(), Format{Type: "xfs", UUID: ours.String()}), ErrNotEmpty)
		})
	}
}

// spanNear is a place that a probe looks at.
func spanNear(t *testing.T, at, size int64) int64 {
	for _, s := range spans(size) {
		if s.offset >= at {
			return s.offset
		}
	}
	t.Fatalf("no place after byte %d", at)
	return 0
}

func TestR1_AProofIsNotMadeTwice(t *testing.T) {
	d, _ := newDevice(t, least["ext4"])
	require.NoError(t, d.Lock(t.Context()))
	_, err := d.Probe(t.Context())
	require.NoError(t, err)
	t.Setenv("PATH", "") // no blkid
	require.NotZero(t, d.proof.size)
	d.proof.since = time.Now() // where the probe alone takes longer than a proof lasts, too
	c, err := d.probeForFormat(t.Context())
	require.NoError(t, err)
	require.Equal(t, Empty, c.State)
	_, err = d.probeForFormat(t.Context())
	require.ErrorIs(t, err, exec.ErrNotFound, "it is good for one use")
}
