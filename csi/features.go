package csi

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// features are the optional interfaces of a backend, discovered once. The
// capability RPCs and the handlers both read this struct, so they agree.
type features struct {
	locator        Locator
	provisioner    Provisioner
	traits         Traits
	access         AccessChecker
	attacher       Attacher
	expander       Expander
	nodeExpander   NodeExpander
	modifier       Modifier
	snapshotter    Snapshotter
	groups         GroupSnapshotter
	cloner         Cloner
	volumeLister   VolumeLister
	snapshotLister SnapshotLister
	capacity       CapacityReporter
	health         HealthReporter
	healthLister   HealthLister
	nodeHealth     NodeHealthReporter
	usage          UsageReporter
	nodeDescriber  NodeDescriber
	releaser       Releaser
	recorder       FormatRecorder
	ephemeral      Ephemeral
	populator      Populator
	prober         Prober

	names []string // of the interfaces that are here
}

// An ability is one optional interface: its name, its type and its place.
type ability struct {
	name  string
	iface reflect.Type
	find  func(f *features, backend any) bool
}

func optional[T any](name string, place func(*features) *T) ability {
	return ability{name, reflect.TypeFor[T](), func(f *features, backend any) bool {
		v, ok := backend.(T)
		if ok {
			*place(f) = v
		}
		return ok
	}}
}

var abilities = []ability{
	optional("Provisioner", func(f *features) *Provisioner { return &f.provisioner }),
	optional("AccessChecker", func(f *features) *AccessChecker { return &f.access }),
	optional("Attacher", func(f *features) *Attacher { return &f.attacher }),
	optional("Expander", func(f *features) *Expander { return &f.expander }),
	optional("NodeExpander", func(f *features) *NodeExpander { return &f.nodeExpander }),
	optional("Modifier", func(f *features) *Modifier { return &f.modifier }),
	optional("Snapshotter", func(f *features) *Snapshotter { return &f.snapshotter }),
	optional("GroupSnapshotter", func(f *features) *GroupSnapshotter { return &f.groups }),
	optional("Cloner", func(f *features) *Cloner { return &f.cloner }),
	optional("VolumeLister", func(f *features) *VolumeLister { return &f.volumeLister }),
	optional("SnapshotLister", func(f *features) *SnapshotLister { return &f.snapshotLister }),
	optional("CapacityReporter", func(f *features) *CapacityReporter { return &f.capacity }),
	optional("HealthReporter", func(f *features) *HealthReporter { return &f.health }),
	optional("HealthLister", func(f *features) *HealthLister { return &f.healthLister }),
	optional("NodeHealthReporter", func(f *features) *NodeHealthReporter { return &f.nodeHealth }),
	optional("UsageReporter", func(f *features) *UsageReporter { return &f.usage }),
	optional("NodeDescriber", func(f *features) *NodeDescriber { return &f.nodeDescriber }),
	optional("Releaser", func(f *features) *Releaser { return &f.releaser }),
	optional("FormatRecorder", func(f *features) *FormatRecorder { return &f.recorder }),
	optional("Ephemeral", func(f *features) *Ephemeral { return &f.ephemeral }),
	optional("Populator", func(f *features) *Populator { return &f.populator }),
	optional("Prober", func(f *features) *Prober { return &f.prober }),
}

// describer is not in abilities, since it cannot be disabled.
var describer = ability{name: "Describer", iface: reflect.TypeFor[Describer]()}

// discover finds what the backend can do, less what is disabled. A method
// whose name is of the contract while the interface is not satisfied is an
// error: a stale signature must not silently lose a feature.
func discover(backend Locator, disable []string) (features, error) {
	f := features{locator: backend}
	faults := checkDisable(disable)
	for _, a := range abilities {
		if slices.Contains(disable, a.name) {
			continue
		}
		if a.find(&f, backend) {
			f.names = append(f.names, a.name)
			continue
		}
		faults = append(faults, staleMethods(backend, a))
	}
	if d, ok := backend.(Describer); ok {
		f.traits = d.Traits().without(disable)
	} else {
		faults = append(faults, staleMethods(backend, describer))
	}
	return f, errors.Join(faults...)
}

func checkDisable(disable []string) (faults []error) {
	for _, name := range disable {
		if !slices.ContainsFunc(abilities, func(a ability) bool { return a.name == name }) {
			faults = append(faults, fmt.Errorf("csi: Options.Disable: there is no optional interface %q; there are %s", name, abilityNames()))
		}
	}
	return faults
}

func abilityNames() string {
	var names []string
	for _, a := range abilities {
		names = append(names, a.name)
	}
	return strings.Join(names, ", ")
}

// staleMethods reports methods of the backend that have a name of a without
// the backend satisfying a.
func staleMethods(backend any, a ability) error {
	t := reflect.TypeOf(backend)
	if t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(a.iface) {
		return fmt.Errorf("csi: *%T implements csi.%s, but a %T was given, which has no methods with pointer receivers: give New a pointer", backend, a.name, backend)
	}
	var stale []string
	for i := range a.iface.NumMethod() {
		want := a.iface.Method(i)
		if have, ok := t.MethodByName(want.Name); ok {
			stale = append(stale, fmt.Sprintf("%s is %s, want %s", want.Name, signature(have), want.Type))
		}
	}
	if stale == nil {
		return nil
	}
	hint := fmt.Sprintf(", or put %q into Options.Disable", a.name)
	if a.find == nil {
		hint = ""
	}
	return fmt.Errorf("csi: %T has a method of csi.%s but does not implement it: %s (rename the method, or complete the interface%s)",
		backend, a.name, strings.Join(stale, "; "), hint)
}

// signature is the type of a method without its receiver.
func signature(m reflect.Method) string {
	var in []reflect.Type
	for i := 1; i < m.Type.NumIn(); i++ {
		in = append(in, m.Type.In(i))
	}
	var out []reflect.Type
	for i := range m.Type.NumOut() {
		out = append(out, m.Type.Out(i))
	}
	return reflect.FuncOf(in, out, m.Type.IsVariadic()).String()
}
