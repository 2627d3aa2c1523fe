package csitest

import (
	"log/slog"
	"testing"

	"google.golang.org/grpc"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// A Harness tells the kit how to use a backend. Run asks for a new one, with
// empty storage, for every check.
type Harness struct {
	// Backend returns the backend as a plugin that has just started makes
	// it, on the harness's one storage. The kit calls it again for every
	// restart, and uses the old value no more. Required.
	Backend func() csi.Locator

	// Options of the driver. The kit sets Logger, StateDir and Version, and
	// Mounts unless Devices is set.
	Options csi.Options

	// Devices says that what Locate returns can be mounted by this kernel.
	// The kit then makes real mounts and checks the data on them, and the
	// test must run as root. Else mounts exist only in memory, and Locate
	// must return a [csi.Share] whose Mount is nil.
	Devices bool

	// OtherNode is the id of a node other than this one that volumes can be
	// attached to. Checks of two nodes are skipped if it is empty.
	OtherNode string

	// Size of the test volumes in bytes; 0 is 16 MiB. It must be large
	// enough for the file systems, and there must be room for eight.
	Size int64

	// FSTypes are the file systems to try where Devices is set; empty means
	// only the driver's default.
	FSTypes []string

	// Parameters of the StorageClass and of the VolumeSnapshotClass.
	Parameters, SnapshotParameters map[string]string

	// Mutable are parameters that ModifyVolume accepts, and BadMutable ones
	// that it must refuse. Modified, if not nil, tells the parameters that
	// a volume has, so that the kit sees what was applied.
	Mutable, BadMutable map[string]string
	Modified            func(volumeID string) map[string]string

	// Secrets go with every request that can carry secrets. Their values
	// must be such that they occur nowhere else: the kit searches logs and
	// messages for them. Empty means one that the backend ignores.
	Secrets map[string]string

	// Leaks says what is left in the storage and on this host when all
	// volumes have been deleted: files, devices, attachments. Optional, but
	// without it the kit cannot see what the backend does not list.
	Leaks func() []string

	// tamper lets the kit's own tests falsify requests and answers, as a
	// driver that is wrong would.
	tamper func(*session) grpc.UnaryClientInterceptor
}

// Harness returns a harness of the reference backend, for tests of drivers and
// as an example.
func (m *Memory) Harness() Harness {
	h := Harness{
		Backend:    func() csi.Locator { return m },
		Parameters: map[string]string{"tier": "silver"},
		Mutable:    map[string]string{"tier": "gold"},
		BadMutable: map[string]string{"tier": "lead"},
		Modified:   m.Parameters,
		Leaks:      m.Left,
	}
	if len(m.opts.Nodes) > 1 {
		h.OtherNode = m.opts.Nodes[1].ID
	}
	return h
}

// NewDriver makes a driver of the harness as the kit does: with a state
// directory of its own and, unless Devices is set, mounts in memory. The test
// is skipped if Devices is set and it does not run as root.
func (h Harness) NewDriver(t testing.TB) *csi.Driver {
	t.Helper()
	if h.Devices {
		looptest.NeedRoot(t)
	}
	opts := h.Options
	opts.Version, opts.StateDir = "csitest", t.TempDir()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if !h.Devices {
		opts.Mounts = newTable(false)
	}
	d, err := csi.New(driverName, h.Backend(), &opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// size is the size of test volumes.
func (h Harness) size() int64 {
	if h.Size == 0 {
		return 16 << 20
	}
	return h.Size
}

// secrets are the secrets of requests, never empty.
func (h Harness) secrets() map[string]string {
	if len(h.Secrets) == 0 {
		return map[string]string{"csitest": "canary-5ecret-value-4f1d"}
	}
	return h.Secrets
}
