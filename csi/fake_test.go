package csi_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/csikit/csikit/csi"
)

const mebi = 1 << 20

// A fake is a storage system in memory that does only what the contract says,
// in steps of one MiB. Tests look into it and change it under its lock.
type fake struct {
	mu        sync.Mutex
	traits    csi.Traits
	volumes   map[string]*csi.Volume   // by id; the name is the id without "vol-"
	snapshots map[string]*csi.Snapshot // by id
	calls     map[string]int           // by method
	seen      map[string]any           // the last argument by method
	fail      map[string]error         // by method
	gate      map[string]chan struct{} // by method: the call waits for it, or for its context
	refuse    error                    // of CheckAccess
	zone      string                   // of new volumes
	nodes     []string
}

func newFake() *fake {
	return &fake{
		volumes: map[string]*csi.Volume{}, snapshots: map[string]*csi.Snapshot{},
		calls: map[string]int{}, seen: map[string]any{}, fail: map[string]error{}, gate: map[string]chan struct{}{},
		nodes: []string{"node-a", "node-b"},
	}
}

// enter counts a call, waits if the test asks for it, and locks the fake.
func (f *fake) enter(ctx context.Context, method string, arg any) error {
	f.mu.Lock()
	f.calls[method]++
	f.seen[method] = arg
	gate := f.gate[method]
	f.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	if err := f.fail[method]; err != nil {
		f.mu.Unlock()
		return err
	}
	return nil
}

func (f *fake) Traits() csi.Traits { return f.traits }

func (f *fake) Locate(context.Context, csi.NodeVolume) (csi.Source, error) {
	return nil, csi.ErrNotFound
}

func (f *fake) DescribeNode(context.Context) (csi.NodeInfo, error) {
	topology := csi.Topology{}
	for _, k := range f.traits.TopologyKeys {
		topology[k] = "a"
	}
	return csi.NodeInfo{ID: f.nodes[0], Topology: topology}, nil
}

func (f *fake) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	if err := f.enter(ctx, "CreateVolume", spec); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	return f.make(spec, csi.ContentSource{})
}

func (f *fake) make(spec csi.VolumeSpec, source csi.ContentSource) (*csi.Volume, error) {
	id := "vol-" + spec.Name
	if v := f.volumes[id]; v != nil {
		return v, nil
	}
	size, err := spec.Size.Fit(mebi, mebi, 1<<40)
	if err != nil {
		return nil, err
	}
	v := &csi.Volume{ID: id, Size: size, Source: source, Context: map[string]string{"pool": "one"}}
	if f.zone != "" {
		v.Topology = []csi.Topology{{"zone": f.zone}}
	}
	f.volumes[id] = v
	return v, nil
}

func (f *fake) DeleteVolume(ctx context.Context, v csi.VolumeRef) error {
	if err := f.enter(ctx, "DeleteVolume", v); err != nil {
		return err
	}
	defer f.mu.Unlock()
	have := f.volumes[v.ID]
	switch {
	case have == nil:
		return csi.ErrNotFound
	case len(have.Attached) > 0:
		return fmt.Errorf("%w: attached to %s", csi.ErrInUse, have.Attached[0].Node)
	}
	delete(f.volumes, v.ID)
	return nil
}

func (f *fake) Volume(ctx context.Context, v csi.VolumeRef) (*csi.Volume, error) {
	if err := f.enter(ctx, "Volume", v); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	return f.volume(v.ID)
}

func (f *fake) volume(id string) (*csi.Volume, error) {
	have := f.volumes[id]
	if have == nil {
		return nil, csi.ErrNotFound
	}
	out := *have
	return &out, nil
}

func (f *fake) CheckAccess(ctx context.Context, q csi.AccessQuery) error {
	if err := f.enter(ctx, "CheckAccess", q); err != nil {
		return err
	}
	defer f.mu.Unlock()
	return f.refuse
}

func (f *fake) Attach(ctx context.Context, a csi.Attachment) (map[string]string, error) {
	if err := f.enter(ctx, "Attach", a); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	v := f.volumes[a.ID]
	if v == nil || !slices.Contains(f.nodes, a.Node) {
		return nil, csi.ErrNotFound
	}
	if !slices.ContainsFunc(v.Attached, func(have csi.Attached) bool { return have.Node == a.Node }) {
		v.Attached = append(v.Attached, csi.Attached{Node: a.Node, ReadOnly: a.ReadOnly})
	}
	return map[string]string{"device": "on " + a.Node}, nil
}

func (f *fake) Detach(ctx context.Context, a csi.Attachment) error {
	if err := f.enter(ctx, "Detach", a); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if v := f.volumes[a.ID]; v != nil {
		v.Attached = slices.DeleteFunc(v.Attached, func(have csi.Attached) bool { return a.Node == "" || have.Node == a.Node })
	}
	return nil
}

func (f *fake) ExpandVolume(ctx context.Context, e csi.Expansion) (csi.Expanded, error) {
	if err := f.enter(ctx, "ExpandVolume", e); err != nil {
		return csi.Expanded{}, err
	}
	defer f.mu.Unlock()
	v := f.volumes[e.ID]
	if v == nil {
		return csi.Expanded{}, csi.ErrNotFound
	}
	v.Size = max(v.Size, e.Size.Required)
	return csi.Expanded{Size: v.Size}, nil
}

func (f *fake) ModifyVolume(ctx context.Context, m csi.Modification) error {
	if err := f.enter(ctx, "ModifyVolume", m); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if f.volumes[m.ID] == nil {
		return csi.ErrNotFound
	}
	for k := range m.Parameters {
		if k != "tier" {
			return fmt.Errorf("%w: unknown key %q", csi.ErrInvalid, k)
		}
	}
	return nil
}

func (f *fake) CreateSnapshot(ctx context.Context, spec csi.SnapshotSpec) (*csi.Snapshot, error) {
	if err := f.enter(ctx, "CreateSnapshot", spec); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	id := "snap-" + spec.Name
	if s := f.snapshots[id]; s != nil {
		return s, nil
	}
	v, err := f.volume(spec.Volume.ID)
	if err != nil {
		return nil, err
	}
	s := &csi.Snapshot{ID: id, VolumeID: v.ID, Size: v.Size, Created: time.Unix(1, 0), Ready: true, Topology: v.Topology}
	f.snapshots[id] = s
	return s, nil
}

func (f *fake) DeleteSnapshot(ctx context.Context, s csi.SnapshotRef) error {
	if err := f.enter(ctx, "DeleteSnapshot", s); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if f.snapshots[s.ID] == nil {
		return csi.ErrNotFound
	}
	delete(f.snapshots, s.ID)
	return nil
}

func (f *fake) Snapshot(ctx context.Context, s csi.SnapshotRef) (*csi.Snapshot, error) {
	if err := f.enter(ctx, "Snapshot", s); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if f.snapshots[s.ID] == nil {
		return nil, csi.ErrNotFound
	}
	out := *f.snapshots[s.ID]
	return &out, nil
}

func (f *fake) RestoreVolume(ctx context.Context, s csi.SnapshotRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	if err := f.enter(ctx, "RestoreVolume", spec); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if f.snapshots[s.ID] == nil && f.volumes["vol-"+spec.Name] == nil {
		return nil, csi.ErrNotFound
	}
	return f.make(spec, csi.ContentSource{Snapshot: s.ID})
}

func (f *fake) CloneVolume(ctx context.Context, source csi.VolumeRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	if err := f.enter(ctx, "CloneVolume", spec); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if f.volumes[source.ID] == nil && f.volumes["vol-"+spec.Name] == nil {
		return nil, csi.ErrNotFound
	}
	return f.make(spec, csi.ContentSource{Volume: source.ID})
}

func (f *fake) ListVolumes(ctx context.Context, q csi.ListQuery) iter.Seq2[*csi.Volume, error] {
	return listed(ctx, f, "ListVolumes", q, f.volumes)
}

func (f *fake) ListSnapshots(ctx context.Context, q csi.ListQuery) iter.Seq2[*csi.Snapshot, error] {
	return listed(ctx, f, "ListSnapshots", q, f.snapshots)
}

// listed yields what a map holds, in the map's random order.
func listed[T any](ctx context.Context, f *fake, method string, q csi.ListQuery, from map[string]T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := f.enter(ctx, method, q); err != nil {
			var none T
			yield(none, err)
			return
		}
		all := maps.Clone(from)
		f.mu.Unlock()
		for _, entry := range all {
			if !yield(entry, nil) {
				return
			}
		}
	}
}

func (f *fake) Capacity(ctx context.Context, q csi.CapacityQuery) (csi.Capacity, error) {
	if err := f.enter(ctx, "Capacity", q); err != nil {
		return csi.Capacity{}, err
	}
	defer f.mu.Unlock()
	return csi.Capacity{Available: 7 * mebi, MaxVolume: 5 * mebi}, nil
}

// count returns how often a method has been called.
func (f *fake) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// hold makes calls of a method wait until the test releases them.
func (f *fake) hold(method string) (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	gate := make(chan struct{})
	f.gate[method] = gate
	return sync.OnceFunc(func() { close(gate) })
}

// last returns the argument of the last call of a method.
func last[T any](f *fake, method string) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	arg, _ := f.seen[method].(T)
	return arg
}
