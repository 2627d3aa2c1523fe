//go:build linux

package crashtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/loopdev"
)

const mib = 1 << 20

// A kind is what a volume is used as.
type kind struct {
	name   string
	fstype string // "" for raw block
	size   int64
	step   int64 // by which an expansion grows it
	// foreign volumes hold data that nobody may overwrite.
	foreign bool
	// reader volumes were written by another node and are only read here.
	reader bool
	// encrypted volumes need a device mapper.
	encrypted bool
}

var kinds = []kind{
	{name: "ext4", fstype: "ext4", size: 32 * mib, step: 16 * mib},
	{name: "xfs", fstype: "xfs", size: 300 * mib, step: 32 * mib},
	{name: "btrfs", fstype: "btrfs", size: 256 * mib, step: 32 * mib},
	{name: "block", size: 16 * mib, step: 16 * mib},
	{name: "ext4-reader", fstype: "ext4", size: 32 * mib, step: 16 * mib, reader: true},
	{name: "foreign", fstype: "ext4", size: 16 * mib, step: 16 * mib, foreign: true},
}

func (k kind) capability() *csipb.VolumeCapability {
	c := &csipb.VolumeCapability{AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER}}
	if k.reader {
		c.AccessMode.Mode = csipb.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY
	}
	if k.fstype == "" {
		c.AccessType = &csipb.VolumeCapability_Block{Block: &csipb.VolumeCapability_BlockVolume{}}
	} else {
		c.AccessType = &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{FsType: k.fstype}}
	}
	return c
}

// An op is an RPC of a sequence.
type op int

const (
	stage op = iota
	publish
	publishReadOnly
	unpublish
	unstage
	expand
	allOps
)

func (o op) String() string {
	return [...]string{"stage", "publish", "publish-ro", "unpublish", "unstage", "expand"}[o]
}

// A model says what a volume is in and what an RPC must answer.
type model struct {
	staged              bool
	published, readOnly bool
	expansions          int
}

// apply is the answer to an RPC, and changes the model as the RPC does.
func (m *model) apply(k kind, o op) codes.Code {
	switch o {
	case stage:
		if k.foreign {
			return codes.FailedPrecondition
		}
		m.staged = true
	case publish, publishReadOnly:
		readOnly := o == publishReadOnly || k.reader
		switch {
		case !m.staged:
			return codes.FailedPrecondition
		case m.published && m.readOnly != readOnly:
			return codes.AlreadyExists
		}
		m.published, m.readOnly = true, readOnly
	case unpublish:
		m.published = false
	case unstage:
		if m.published {
			return codes.Aborted
		}
		m.staged = false
	case expand:
		if !m.staged {
			return codes.NotFound
		}
		m.expansions++
		if k.fstype == "ext4" && !k.reader && !mayGrowExt4() {
			return codes.Unavailable // R13: the device has grown, the file system could not
		}
	}
	return codes.OK
}

// A volume is one volume of a host and all that was done with it.
type volume struct {
	h       *host
	kind    kind
	name    string
	id      string
	context map[string]string
	model   model
	content invariant.Image // of a foreign volume
	files   invariant.Ledger
	blocks  invariant.Blocks
	writes  int
	first   uint64 // size of the file system when it was first seen
}

func (h *host) newVolume(ctx context.Context, d *driver, k kind) (*volume, error) {
	v := &volume{h: h, kind: k, name: h.newName()}
	if err := v.create(ctx, d); err != nil {
		return nil, err
	}
	if k.foreign {
		data := make([]byte, 64<<10)
		_, _ = rand.Read(data)
		if err := new(invariant.Blocks).Write(v.image(), 4*mib, data); err != nil {
			return nil, err
		}
		var err error
		if v.content, err = invariant.ImageOf(v.image()); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(os.Mkdir(v.staging(), 0o700), os.Mkdir(filepath.Dir(v.target()), 0o700)); err != nil {
		return nil, err
	}
	if k.reader {
		return v, v.filled(ctx, d)
	}
	return v, nil
}

// filled lets a writer use the volume before its readers do.
func (v *volume) filled(ctx context.Context, d *driver) error {
	v.kind.reader = false
	for _, o := range []op{stage, unstage} {
		if err := v.settled(ctx, d, o); err != nil {
			return fmt.Errorf("by the writer: %w", err)
		}
	}
	v.kind.reader, v.model = true, model{}
	return nil
}

// newName is used once on this machine: the UUID of a file system is made of its
// volume's name, and mkfs.btrfs refuses one that it finds on another device.
func (h *host) newName() string {
	return fmt.Sprintf("v%d-%s", h.next.Add(1), strings.TrimPrefix(filepath.Base(h.dir), "csikit-crash"))
}

func (v *volume) create(ctx context.Context, d *driver) error {
	parameters := map[string]string{}
	if v.kind.encrypted {
		parameters["fs.csikit.io/encrypt"] = "luks2"
	}
	r, err := d.controller.CreateVolume(ctx, &csipb.CreateVolumeRequest{
		Name: v.name, Parameters: parameters, CapacityRange: &csipb.CapacityRange{RequiredBytes: v.kind.size},
		VolumeCapabilities: []*csipb.VolumeCapability{v.kind.capability()},
	})
	v.id, v.context = r.GetVolume().GetVolumeId(), r.GetVolume().GetVolumeContext()
	return err
}

func (v *volume) image() string {
	return v.h.path("pool", "volumes", filepath.Base(v.id), "image")
}
func (v *volume) staging() string { return v.h.path("staging", v.name) }
func (v *volume) target() string  { return v.h.path("pods", v.name, "mount") }

// do sends an RPC. expansions counts those before this one.
func (v *volume) do(ctx context.Context, d *driver, o op, expansions int) error {
	var err error
	switch o {
	case stage:
		_, err = d.node.NodeStageVolume(ctx, &csipb.NodeStageVolumeRequest{
			VolumeId: v.id, StagingTargetPath: v.staging(), VolumeCapability: v.kind.capability(), VolumeContext: v.context,
			Secrets: v.kind.secrets(),
		})
	case publish, publishReadOnly:
		_, err = d.node.NodePublishVolume(ctx, &csipb.NodePublishVolumeRequest{
			VolumeId: v.id, StagingTargetPath: v.staging(), TargetPath: v.target(), VolumeCapability: v.kind.capability(),
			Readonly: o == publishReadOnly, VolumeContext: v.context,
		})
	case unpublish:
		_, err = d.node.NodeUnpublishVolume(ctx, &csipb.NodeUnpublishVolumeRequest{VolumeId: v.id, TargetPath: v.target()})
	case unstage:
		_, err = d.node.NodeUnstageVolume(ctx, &csipb.NodeUnstageVolumeRequest{VolumeId: v.id, StagingTargetPath: v.staging()})
	case expand:
		path := v.staging()
		if v.model.published {
			path = v.target()
		}
		_, err = d.node.NodeExpandVolume(ctx, &csipb.NodeExpandVolumeRequest{
			VolumeId: v.id, VolumePath: path, StagingTargetPath: v.staging(), VolumeCapability: v.kind.capability(),
			CapacityRange: &csipb.CapacityRange{RequiredBytes: v.kind.size + int64(expansions+1)*v.kind.step},
		})
	}
	return err
}

// settled sends an RPC that is not disturbed, compares its answer with the
// model, and lets the workload write.
func (v *volume) settled(ctx context.Context, d *driver, o op) error {
	return v.answered(d, o, v.waitForOthers(ctx, d, o, v.do(ctx, d, o, v.model.expansions)))
}

// heldByOthers counts the unstages that had to wait for others, see below.
var heldByOthers atomic.Int64

// waitForOthers repeats an unstage that was refused since something out of sight
// holds the device, as a CO does. Every container that is started on this machine
// copies all of its mounts for a moment, and a copy keeps a file system alive: the
// driver is right to refuse. What does not pass is a violation.
func (v *volume) waitForOthers(ctx context.Context, d *driver, o op, err error) error {
	const outOfSight = "held by something that this process cannot see"
	for deadline := time.Now().Add(rpcDeadline); o == unstage && status.Code(err) == codes.Aborted && strings.Contains(err.Error(), outOfSight); {
		if time.Now().After(deadline) {
			return err
		}
		heldByOthers.Add(1)
		time.Sleep(100 * time.Millisecond)
		err = v.do(ctx, d, o, v.model.expansions)
	}
	return err
}

// answered judges the answer of an RPC.
func (v *volume) answered(d *driver, o op, err error) error {
	want := v.model.apply(v.kind, o)
	if status.Code(err) != want {
		return fmt.Errorf("%v answered %v, want %v: %w\n%s", o, status.Code(err), want, err, d.log)
	}
	return errors.Join(v.looks(), v.work())
}

// looks compares what is mounted with the model.
func (v *volume) looks() error {
	found := invariant.Targets(invariant.Target{Path: v.target(), ReadOnly: v.model.readOnly}, invariant.Target{Path: v.staging(), ReadOnly: v.kind.reader})
	points, err := invariant.Mounts(v.h.dir)
	if err != nil {
		return err
	}
	at := map[string]int{}
	for _, p := range points {
		at[p]++
	}
	if want := count(v.model.published); at[v.target()] != want {
		return fmt.Errorf("%d mounts at the target, want %d", at[v.target()], want)
	}
	if want := count(v.model.staged); at[v.stagePoint()] != want {
		return fmt.Errorf("%d mounts at the staging path, want %d", at[v.stagePoint()], want)
	}
	return joined(append(found, v.readBack()...))
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func joined(found []invariant.Violation) error {
	var errs []error
	for _, f := range found {
		errs = append(errs, errors.New(f.String()))
	}
	return errors.Join(errs...)
}

// stagePoint is where the driver mounts a staged volume: a raw device is bound
// to the one file in the staging directory.
func (v *volume) stagePoint() string {
	if v.kind.fstype != "" {
		return v.staging()
	}
	if files, _ := filepath.Glob(v.staging() + "/*"); len(files) == 1 {
		return files[0]
	}
	return v.staging()
}

// visible is where the volume can be read now, "" if nowhere.
func (v *volume) visible() string {
	switch {
	case v.model.published:
		return v.target()
	case v.model.staged:
		return v.stagePoint()
	}
	return ""
}

// readBack checks what the workload wrote, where it can be seen.
func (v *volume) readBack() []invariant.Violation {
	switch at := v.visible(); {
	case v.kind.foreign:
		return v.content.Check(v.image())
	case at == "":
		return nil
	default:
		return v.readAt(at)
	}
}

// readAt checks what the workload wrote at a path where the volume is.
func (v *volume) readAt(path string) []invariant.Violation {
	forks.RLock()
	defer forks.RUnlock()
	if v.kind.fstype == "" {
		return v.blocks.Check(path)
	}
	return v.files.Check(path)
}

// writeAt is where a pod writes, or, where the pod may only read, another one;
// "" if nobody can.
func (v *volume) writeAt() string {
	switch {
	case v.kind.reader, v.kind.fstype == "" && !v.model.published, v.readOnlyDevice():
		return "" // a raw device that had readers stays read-only until it has a writer
	case v.model.published && v.model.readOnly:
		return v.stagePoint()
	}
	return v.visible()
}

// readOnlyDevice is whether a raw device has readers, so that nobody may write to
// it: a mount does not keep anybody from writing through a device node.
func (v *volume) readOnlyDevice() bool {
	return v.kind.fstype == "" && v.model.published && v.model.readOnly
}

// work writes and fsyncs something, if that is possible now.
func (v *volume) work() error {
	if !v.readOnlyDevice() {
		return v.workAt(v.writeAt())
	}
	f, err := os.OpenFile(v.target(), os.O_WRONLY, 0)
	if err != nil {
		return nil // it may be refused here already
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt(make([]byte, 512), 0); err == nil && f.Sync() == nil {
		return fmt.Errorf("a raw device that is published readonly was written at %s", v.target())
	}
	return nil
}

func (v *volume) workAt(path string) error {
	if path == "" {
		return nil
	}
	v.writes++
	data := make([]byte, 5000)
	_, _ = rand.Read(data)
	forks.RLock()
	defer forks.RUnlock()
	if v.kind.fstype == "" {
		return v.blocks.Write(path, int64(v.writes)*64<<10, data)
	}
	return v.files.Write(path, fmt.Sprintf("file-%d", v.writes), data)
}

// finish undoes everything and checks that the data was there till the end and
// that nothing is left.
func (v *volume) finish(ctx context.Context, d *driver) error {
	for _, o := range []op{unpublish, unstage} {
		if err := v.settled(ctx, d, o); err != nil {
			return fmt.Errorf("clean-up: %w", err)
		}
	}
	if err := joined(invariant.Free(v.image())); err != nil {
		return err
	}
	if err := v.inspect(ctx); err != nil {
		return err
	}
	if _, err := d.controller.DeleteVolume(ctx, &csipb.DeleteVolumeRequest{VolumeId: v.id}); err != nil {
		return fmt.Errorf("clean-up: %w", err)
	}
	for _, dir := range []string{v.staging(), filepath.Dir(v.target())} { // as the kubelet does
		if err := os.Remove(dir); err != nil {
			return err
		}
	}
	return nil
}

// inspect looks at the image without the driver: what was fsynced is in it,
// and the file system was unmounted cleanly and has no fault.
func (v *volume) inspect(ctx context.Context) error {
	switch {
	case v.kind.foreign:
		return joined(v.content.Check(v.image()))
	case v.kind.fstype == "":
		return joined(v.blocks.Check(v.image()))
	case v.files.Len() == 0:
		return nil
	}
	f, err := os.Open(v.image())
	if err != nil {
		return err
	}
	device, err := loopdev.Attach(ctx, f, loopdev.Options{ReadOnly: true, Autoclear: true})
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	defer func() { _ = device.Close() }()
	if v.kind.encrypted {
		return v.inspectEncrypted(ctx, device.Name())
	}
	return errors.Join(v.inspectMounted(device.Name()), v.check(ctx, device.Name()))
}
