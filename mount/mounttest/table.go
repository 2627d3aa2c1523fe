package mounttest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/csikit/csikit/mount"
)

// An Entry is one mount of a [Table].
type Entry struct {
	// Target is where it is mounted.
	Target string
	// Info is what Find tells of it, but for Layers.
	mount.Info
	// Mounted are the options that Mount or Bind was given.
	Mounted []mount.Option
	// Busy makes Unmount fail with [mount.ErrBusy].
	Busy bool
}

// A Table is a mount table in memory. The zero Table is empty and ready.
// Its methods may be called concurrently.
type Table struct {
	// Fault, if not nil, is asked before each operation, which is "mount",
	// "bind", "find" or "unmount". An error is returned instead of doing
	// it. It must not be changed while the table is used, and it may call
	// the table's other methods.
	Fault func(op, target string) error

	mu     sync.Mutex
	last   uint64
	mounts []Entry // in the order in which they were made
}

var _ mount.Table = (*Table)(nil)

// Mounts returns all mounts, oldest first.
func (t *Table) Mounts() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.mounts)
}

// Stack puts a mount on top of whatever is at e.Target, as another program
// would. An ID of 0 is replaced by a new one.
func (t *Table) Stack(e Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.push(e)
}

// Change calls change with the topmost mount at target, to make it busy, dead
// or otherwise different. It reports whether there is one.
func (t *Table) Change(target string, change func(*Entry)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.top(target)
	if i >= 0 {
		change(&t.mounts[i])
	}
	return i >= 0
}

// Reboot forgets all mounts.
func (t *Table) Reboot() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mounts = nil
}

// Mount records a mount of m. Type "bind" binds m.Source.
func (t *Table) Mount(ctx context.Context, m mount.Mount, target string) error {
	if err := t.begin(ctx, "mount", target); err != nil {
		return err
	}
	if m.Type == "bind" {
		return t.bind(mount.Binding{Source: m.Source, Target: target, ReadOnly: m.ReadOnly, Options: m.Options})
	}
	if m.Living != nil {
		if err := m.Living(); err != nil {
			return fmt.Errorf("mount at %s: %w", target, err)
		}
	}
	info := mount.Info{Root: "/", Type: m.Type, Source: m.Source, ReadOnly: m.ReadOnly, SuperReadOnly: m.ReadOnly}
	if m.Device != nil {
		info.Source, info.Device = m.Device.Name(), rdev(m.Device.Name())
	}
	for _, o := range m.Options {
		info.Options = append(info.Options, o.String())
		if o.Value == "" {
			info.Flags = append(info.Flags, o.Key)
		}
	}
	return t.attach(Entry{Target: target, Info: info, Mounted: m.Options})
}

// Bind records a bind mount. What it shows of its source is that of the mount
// which holds the source.
func (t *Table) Bind(ctx context.Context, b mount.Binding) error {
	if err := t.begin(ctx, "bind", b.Target); err != nil {
		return err
	}
	return t.bind(b)
}

func (t *Table) bind(b mount.Binding) error {
	source := resolve(b.Source)
	info := t.holder(source)
	info.Rdev, info.ReadOnly = rdev(source), b.ReadOnly || info.ReadOnly && !b.Writable
	for _, o := range b.Options {
		info.Flags = append(info.Flags, o.Key)
	}
	return t.attach(Entry{Target: b.Target, Info: info, Mounted: b.Options})
}

// Find describes the topmost mount at target.
func (t *Table) Find(target string) (mount.Info, error) {
	if err := t.begin(context.Background(), "find", target); err != nil {
		return mount.Info{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.top(target)
	if i < 0 {
		return mount.Info{}, fmt.Errorf("find mount at %s: %w", target, mount.ErrNotMounted)
	}
	info := t.mounts[i].Info
	for _, e := range t.mounts {
		if e.Target == t.mounts[i].Target {
			info.Layers++
		}
	}
	return info, nil
}

// Unmount removes the mounts at target, topmost first, and stops at one that
// is busy or has another mount below it in the tree.
func (t *Table) Unmount(ctx context.Context, target string) error {
	if err := t.begin(ctx, "unmount", target); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := t.top(target); i >= 0; i = t.top(target) {
		if e := t.mounts[i]; e.Busy || t.covers(e.Target) {
			return fmt.Errorf("unmount %s: %w", target, mount.ErrBusy)
		}
		t.mounts = slices.Delete(t.mounts, i, i+1)
	}
	return nil
}

// Others lists other mounts of what i shows.
func (t *Table) Others(i mount.Info) (points []string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.mounts {
		if e.Device == i.Device && e.Root == i.Root && e.Source == i.Source && e.ID != i.ID {
			points = append(points, e.Target)
		}
	}
	return points, nil
}

func (t *Table) begin(ctx context.Context, op, target string) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("%s %s: %w", op, target, err)
	}
	if t.Fault == nil {
		return nil
	}
	return t.Fault(op, filepath.Clean(target))
}

func (t *Table) attach(e Entry) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.top(e.Target) >= 0 {
		return fmt.Errorf("mount at %s: %w", e.Target, mount.ErrMounted)
	}
	t.push(e)
	return nil
}

func (t *Table) push(e Entry) {
	t.last++
	if e.ID == 0 {
		e.ID = t.last
	}
	e.Target = filepath.Clean(e.Target)
	t.mounts = append(t.mounts, e)
}
