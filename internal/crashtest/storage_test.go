//go:build linux

package crashtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/looptest"
)

// A storageCase is a controller RPC that is killed at each of its steps.
type storageCase struct {
	name string
	rpc  func(context.Context, *driver, *stock) error
	// volumes and snapshots are how many there are before it and after it.
	volumes, snapshots [2]int
	prepare            []func(context.Context, *driver, *stock) error
}

// A stock is what a case works on: a volume, a snapshot and a copy.
type stock struct {
	h                  *host
	source             *volume
	params             map[string]string
	snapshot, copiedID string
	content            invariant.Image
}

func (s *stock) image(kind, id string) string {
	return s.h.path("pool", kind, filepath.Base(id), "image")
}

func createSource(ctx context.Context, d *driver, s *stock) error {
	r, err := d.controller.CreateVolume(ctx, s.request(s.source.name, nil))
	s.source.id = r.GetVolume().GetVolumeId()
	return err
}

func fillSource(_ context.Context, _ *driver, s *stock) (err error) {
	data := make([]byte, 3*mib)
	_, _ = rand.Read(data)
	if err := new(invariant.Blocks).Write(s.source.image(), 2*mib, data); err != nil {
		return err
	}
	s.content, err = invariant.ImageOf(s.source.image())
	return err
}

func (s *stock) request(name string, from *csipb.VolumeContentSource) *csipb.CreateVolumeRequest {
	return &csipb.CreateVolumeRequest{
		Name: name, CapacityRange: &csipb.CapacityRange{RequiredBytes: 16 * mib}, Parameters: s.params,
		VolumeCapabilities: []*csipb.VolumeCapability{s.source.kind.capability()}, VolumeContentSource: from,
	}
}

func createThick(ctx context.Context, d *driver, s *stock) error {
	s.params = map[string]string{"allocation": "thick"}
	return createSource(ctx, d, s)
}

func deleteSource(ctx context.Context, d *driver, s *stock) error {
	_, err := d.controller.DeleteVolume(ctx, &csipb.DeleteVolumeRequest{VolumeId: s.source.id})
	return err
}

func cut(ctx context.Context, d *driver, s *stock) error {
	r, err := d.controller.CreateSnapshot(ctx, &csipb.CreateSnapshotRequest{Name: "s-" + s.source.name, SourceVolumeId: s.source.id})
	s.snapshot = r.GetSnapshot().GetSnapshotId()
	return err
}

func deleteSnapshot(ctx context.Context, d *driver, s *stock) error {
	_, err := d.controller.DeleteSnapshot(ctx, &csipb.DeleteSnapshotRequest{SnapshotId: s.snapshot})
	return err
}

func (s *stock) copied(ctx context.Context, d *driver, from *csipb.VolumeContentSource) error {
	r, err := d.controller.CreateVolume(ctx, s.request("copy-"+s.source.name, from))
	s.copiedID = r.GetVolume().GetVolumeId()
	return err
}

func restore(ctx context.Context, d *driver, s *stock) error {
	return s.copied(ctx, d, &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Snapshot{
		Snapshot: &csipb.VolumeContentSource_SnapshotSource{SnapshotId: s.snapshot}}})
}

func clone(ctx context.Context, d *driver, s *stock) error {
	return s.copied(ctx, d, &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Volume{
		Volume: &csipb.VolumeContentSource_VolumeSource{VolumeId: s.source.id}}})
}

type preparation = []func(context.Context, *driver, *stock) error

var storageCases = []storageCase{
	{"create", createSource, [2]int{0, 1}, [2]int{}, nil},
	{"create thick", createThick, [2]int{0, 1}, [2]int{}, nil},
	{"delete", deleteSource, [2]int{1, 0}, [2]int{}, preparation{createSource, fillSource}},
	{"snapshot", cut, [2]int{1, 1}, [2]int{0, 1}, preparation{createSource, fillSource}},
	{"delete snapshot", deleteSnapshot, [2]int{1, 1}, [2]int{1, 0}, preparation{createSource, fillSource, cut}},
	{"restore", restore, [2]int{1, 2}, [2]int{1, 1}, preparation{createSource, fillSource, cut}},
	{"clone", clone, [2]int{1, 2}, [2]int{}, preparation{createSource, fillSource}},
}

// TestCrashStorage kills the driver before each step of each controller RPC that
// changes the pool. What is listed then is what was there before or after, never
// something in between; the same RPC again ends with exactly one object; and
// deleting leaves nothing.
func TestCrashStorage(t *testing.T) {
	looptest.NeedRoot(t)
	w := &worker{h: newHost(t)}
	defer w.close()
	require.NoError(t, w.fresh())
	for _, c := range storageCases {
		points := 0
		for n := 1; ; n++ {
			killed, err := w.crashStorage(t.Context(), c, n)
			require.NoError(t, err, "%s, killed before step %d", c.name, n)
			if !killed {
				break
			}
			points++
		}
		t.Logf("%s: %d crash points", c.name, points)
		require.Greater(t, points, 3, c.name)
	}
}

func (w *worker) crashStorage(ctx context.Context, c storageCase, n int) (killed bool, err error) {
	s := &stock{h: w.h, source: &volume{h: w.h, kind: kindOf("block"), name: w.h.newName()}}
	for _, f := range c.prepare {
		if err := f(ctx, w.d, s); err != nil {
			return false, fmt.Errorf("prepare: %w", err)
		}
	}
	d, err := w.h.start(n)
	if err != nil {
		return false, err
	}
	err = c.rpc(ctx, d, s)
	killed = d.crashed(err)
	d.kill()
	if !killed && err != nil {
		return false, err
	}
	if err := w.fresh(); err != nil {
		return killed, err
	}
	volumes, snapshots, err := s.listed(ctx, w.d)
	if err != nil || !between(volumes, c.volumes) || !between(snapshots, c.snapshots) {
		return killed, fmt.Errorf("after the kill %d volumes and %d snapshots are listed: %w", volumes, snapshots, err)
	}
	if err := c.rpc(ctx, w.d, s); err != nil {
		return killed, fmt.Errorf("the retry: %w", err)
	}
	if err := s.complete(ctx, w.d, c); err != nil {
		return killed, err
	}
	return killed, w.emptied(ctx, s)
}

func between(n int, ends [2]int) bool { return n == ends[0] || n == ends[1] }

func (s *stock) listed(ctx context.Context, d *driver) (volumes, snapshots int, err error) {
	v, err := d.controller.ListVolumes(ctx, &csipb.ListVolumesRequest{})
	if err != nil {
		return 0, 0, err
	}
	r, err := d.controller.ListSnapshots(ctx, &csipb.ListSnapshotsRequest{})
	return len(v.GetEntries()), len(r.GetEntries()), err
}

// complete checks that the RPC's object is there once and has the content.
func (s *stock) complete(ctx context.Context, d *driver, c storageCase) error {
	volumes, snapshots, err := s.listed(ctx, d)
	if err != nil || volumes != c.volumes[1] || snapshots != c.snapshots[1] {
		return fmt.Errorf("after the retry %d volumes and %d snapshots are listed, want %d and %d: %w", volumes, snapshots, c.volumes[1], c.snapshots[1], err)
	}
	var found []invariant.Violation
	if len(c.prepare) > 0 && c.name != "delete" {
		found = s.content.Check(s.source.image())
	}
	if c.snapshots[1] == 1 {
		found = append(found, s.content.Check(s.image("snapshots", s.snapshot))...)
	}
	if c.volumes[1] == 2 {
		found = append(found, s.content.Check(s.image("volumes", s.copiedID))...)
	}
	return joined(found)
}

// emptied deletes everything.
func (w *worker) emptied(ctx context.Context, s *stock) error {
	var errs []error
	for _, id := range []string{s.source.id, s.copiedID} {
		if id != "" {
			_, err := w.d.controller.DeleteVolume(ctx, &csipb.DeleteVolumeRequest{VolumeId: id})
			errs = append(errs, err)
		}
	}
	if s.snapshot != "" {
		errs = append(errs, deleteSnapshot(ctx, w.d, s))
	}
	errs = append(errs, joined(invariant.Leftovers(w.h.scope())), joined(w.lateness()))
	return errors.Join(errs...)
}
