package mount_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

// TestModel_MemoryAndKernelAgree runs random steps on the kernel and on the table in
// memory: what node code is tested with is what it meets.
func TestModel_MemoryAndKernelAgree(t *testing.T) {
	looptest.NeedRoot(t)
	base := looptest.Dir(t)
	targets := make([]string, 4)
	for i := range targets {
		targets[i] = filepath.Join(base, fmt.Sprint("target", i))
		require.NoError(t, os.Mkdir(targets[i], 0o700))
	}
	rapid.Check(t, func(t *rapid.T) {
		m := &model{kernel: mount.NewKernel(), memory: &mounttest.Table{}, targets: targets}
		defer m.clear(t)
		t.Repeat(map[string]func(*rapid.T){
			"mount":   m.mount,
			"bind":    m.bind,
			"unmount": m.unmount,
			"":        m.same,
		})
	})
}

type model struct {
	kernel  *mount.Kernel
	memory  *mounttest.Table
	targets []string
	made    int
}

func (m *model) target(t *rapid.T, name string) string {
	return rapid.SampledFrom(m.targets).Draw(t, name)
}

func (m *model) mount(t *rapid.T) {
	m.made++
	what := mount.Mount{Type: "tmpfs", Source: fmt.Sprint("fs", m.made), ReadOnly: rapid.Bool().Draw(t, "ro")}
	at := m.target(t, "at")
	agree(t, m.kernel.Mount(t.Context(), what, at), m.memory.Mount(t.Context(), what, at))
}

func (m *model) bind(t *rapid.T) {
	b := mount.Binding{Source: m.target(t, "source"), Target: m.target(t, "at"), ReadOnly: rapid.Bool().Draw(t, "ro")}
	agree(t, m.kernel.Bind(t.Context(), b), m.memory.Bind(t.Context(), b))
}

func (m *model) unmount(t *rapid.T) {
	at := m.target(t, "at")
	agree(t, m.kernel.Unmount(t.Context(), at), m.memory.Unmount(t.Context(), at))
}

// same compares what both tables say of every target.
func (m *model) same(t *rapid.T) {
	for _, at := range m.targets {
		k, kernelErr := m.kernel.Find(at)
		o, memoryErr := m.memory.Find(at)
		agree(t, kernelErr, memoryErr)
		if kernelErr != nil || o.Type == "host" { // of which memory knows nothing
			continue
		}
		require.Equal(t, o.Type, k.Type)
		require.Equal(t, o.Source, k.Source)
		require.Equal(t, o.Root, k.Root)
		require.Equal(t, o.Layers, k.Layers)
		require.Equal(t, o.ReadOnly, k.ReadOnly)
		require.Equal(t, o.SuperReadOnly, k.SuperReadOnly)
	}
}

func (m *model) clear(t *rapid.T) {
	for _, at := range m.targets {
		require.NoError(t, m.kernel.Unmount(t.Context(), at))
	}
}

// agree says that both errors are nil or of one kind.
func agree(t *rapid.T, kernel, memory error) {
	for _, kind := range []error{mount.ErrMounted, mount.ErrNotMounted, mount.ErrBusy} {
		require.Equal(t, errors.Is(memory, kind), errors.Is(kernel, kind), "kernel: %v; memory: %v", kernel, memory)
	}
	require.Equal(t, memory == nil, kernel == nil, "kernel: %v; memory: %v", kernel, memory)
}
