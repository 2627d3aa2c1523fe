package fs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// A Gauge measures usage without ever being held up by a mount that does not
// answer (R14). It has at most one thread in the kernel for each path: a caller
// that finds one there waits for its answer, as long as its own context lets
// it. The zero value is ready. A Gauge must not be copied.
type Gauge struct {
	measure func(context.Context, string) (Usage, error) // UsageOf, but for tests
	mu      sync.Mutex
	running map[string]*measurement
	closed  bool
}

// A measurement is one call into the kernel. The fields but done are set when
// done is closed.
type measurement struct {
	done  chan struct{}
	usage Usage
	err   error
}

// Usage measures the file system that holds path, see [Usage]. If ctx ends
// first the error wraps its cause; the measurement goes on and belongs to the
// Gauge.
func (g *Gauge) Usage(ctx context.Context, path string) (Usage, error) {
	if err := context.Cause(ctx); err != nil {
		return Usage{}, fmt.Errorf("usage of %s: %w", path, err)
	}
	m, err := g.join(ctx, path)
	if err != nil {
		return Usage{}, err
	}
	select {
	case <-m.done:
		return m.usage, m.err
	case <-ctx.Done():
		return Usage{}, fmt.Errorf("usage of %s: the file system does not answer: %w", path, context.Cause(ctx))
	}
}

// join returns the measurement that runs for the path, or starts one.
func (g *Gauge) join(ctx context.Context, path string) (*measurement, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, fmt.Errorf("usage of %s: the gauge is closed", path)
	}
	if m := g.running[path]; m != nil {
		return m, nil
	}
	if g.running == nil {
		g.running = map[string]*measurement{}
	}
	m := &measurement{done: make(chan struct{})}
	g.running[path] = m
	go g.run(context.WithoutCancel(ctx), path, m)
	return m, nil
}

func (g *Gauge) run(ctx context.Context, path string, m *measurement) {
	measure := g.measure
	if measure == nil {
		measure = UsageOf
	}
	m.usage, m.err = measure(ctx, path)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.running, path)
	close(m.done)
}

// Close waits for what runs until ctx ends, and lets nothing new begin. The
// error names the paths whose mounts do not answer; their threads end with the
// mount or with the process. Close may be called again.
func (g *Gauge) Close(ctx context.Context) error {
	g.mu.Lock()
	g.closed = true
	running := maps.Clone(g.running)
	g.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(running)) {
		select {
		case <-running[path].done:
		case <-ctx.Done():
			return fmt.Errorf("statfs still runs on %s: %w", strings.Join(slices.Sorted(maps.Keys(running)), ", "), context.Cause(ctx))
		}
		delete(running, path)
	}
	return nil
}
