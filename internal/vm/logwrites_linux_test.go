package vm

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// record makes the mapping write down everything that is done to the device, and
// returns the image with the log.
func (m *mapping) record() (log string) {
	m.t.Helper()
	needTarget(m.t, "log-writes")
	log = looptest.Image(m.t, 2048*mib)
	device := looptest.Attach(m.t, log)
	m.target("log-writes", "%s "+device)
	return log
}

func (m *mapping) mark(text string) { m.t.Helper(); dmsetup(m.t, "message", m.name, "0", "mark", text) }

// A recording is a log, what the disk held before it, and what a node must find.
type recording struct {
	name, fstype string
	base, log    string
	size         int64
	// kept is what the file "data" must hold from the mark on.
	kept map[string]string
}

// end stops the recording. The recorded disk is wiped: mkfs.btrfs refuses a UUID
// that another disk of the machine has.
func (m *mapping) end() {
	m.t.Helper()
	m.heal()
	run(m.t, "wipefs", "--quiet", "--all", m.path())
}

// replay cuts the power after each request that made something durable: a node
// that stages the disk as it is then finds a volume that works, with all that
// had been synced by then.
func (r recording) replay(t *testing.T) {
	log, entries := readLog(t, r.log)
	path := copyImage(t, r.base)
	image, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, image.Close()) }()
	kept, cuts, formatted := r.kept[""], 0, 0
	for i, e := range entries {
		require.NoError(t, e.apply(log, image))
		if text, ok := r.kept[e.mark]; ok && e.mark != "" {
			kept = text
		}
		if !e.durable() {
			continue
		}
		cuts++
		ok := t.Run(fmt.Sprintf("request %d of %d", i+1, len(entries)), func(t *testing.T) {
			formatted += r.recover(t, path, kept)
		})
		if !ok {
			return
		}
	}
	require.Positive(t, cuts)
	t.Logf("measured: %s %s: %d requests, %d cuts replayed, %d of them formatted anew, 0 violations", r.name, r.fstype, len(entries), cuts, formatted)
}

// recover stages a copy of the disk, and returns how often it was formatted.
func (r recording) recover(t *testing.T, path, kept string) int {
	m := looptest.Attach(t, copyImage(t, path))
	n := newNode(t, r.name) // of the same name, so that the volume has the same UUID
	n.place("a", csi.Device{Path: m, Anonymous: "a test's own loop device"})
	n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", r.fstype) })
	formatted := n.log.count("msg=formatting")
	if kept != "" {
		n.saved(n.staging("a"), kept)
		require.Zero(t, formatted, "a volume with data was formatted")
	}
	u, err := n.stats(t.Context(), "a", n.staging("a"))
	require.NoError(t, err)
	require.Greater(t, u.GetTotal(), r.size*7/10, "the file system fills the device")
	n.save(n.staging("a"), "new")
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
	if r.fstype == "ext4" {
		run(t, "e2fsck", "-fn", m)
	}
	return formatted
}

var recorded = []struct {
	fstype string
	size   int64
}{{"ext4", 64 * mib}, {"xfs", 320 * mib}, {"btrfs", 256 * mib}}

// R9: the power fails during the first stage of a volume. At every moment the
// volume is either known as ours and half-made, and formatted again, or whole
// with its data.
func TestR9_PowerFailsDuringAFormat(t *testing.T) {
	for _, v := range recorded {
		t.Run(v.fstype, func(t *testing.T) {
			n := newNode(t, "format")
			m := newMapping(t, v.size)
			r := recording{name: "format", fstype: v.fstype, size: v.size, kept: map[string]string{"one": "one"}}
			r.base = copyImage(t, m.image)
			r.log = m.record()
			n.place("a", m.device())
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", v.fstype) })
			n.save(n.staging("a"), "one")
			m.mark("one")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			m.end()
			r.replay(t)
		})
	}
}

// R13: the power fails during a growth, which is part of the stage here, since
// the device has grown while it was away. The data is there at every moment, and
// the next stage ends the growth.
func TestR13_PowerFailsDuringAGrowth(t *testing.T) {
	for _, v := range recorded {
		t.Run(v.fstype, func(t *testing.T) {
			n := newNode(t, "grow")
			large := 2*v.size + 64*mib
			m := newMapping(t, large)
			whole := m.sectors
			m.sectors = v.size / sector
			m.heal()
			n.place("a", m.device())
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", v.fstype) })
			n.save(n.staging("a"), "kept")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			m.sectors = whole
			r := recording{name: "grow", fstype: v.fstype, size: large, kept: map[string]string{"": "kept"}}
			m.heal()
			run(t, "sync")
			r.base = copyImage(t, m.image)
			r.log = m.record()
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", v.fstype) })
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			m.end()
			r.replay(t)
		})
	}
}
