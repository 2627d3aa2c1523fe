package csi

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/mount"
)

// A health is what the last probe found. A probe runs in a goroutine of its
// own, one at a time, so that a backend that hangs costs one goroutine and
// its callers nothing but their patience (R14).
type health struct {
	mu      sync.Mutex
	running *probing // nil if none runs
	at      time.Time
	err     error
}

// A probing is one call of the backend's Probe.
type probing struct {
	since  time.Time
	cancel context.CancelFunc
	done   chan struct{} // closed when err is set
	err    error
}

const (
	// probeFresh is how long the result of a probe is used again.
	probeFresh = time.Second
	// probeTimeout bounds the backend's Probe, and a caller without a
	// deadline.
	probeTimeout = 10 * time.Second
)

// Probe says what the RPC of that name says: nil if the driver can work, an
// error that wraps [ErrPending] while it starts, and else why it cannot. It may
// be called at any time; the answer is up to a second old.
func (d *Driver) Probe(ctx context.Context) error { return d.probe(ctx) }

// probe returns nil if the driver can work, [ErrPending] while it starts, or
// why it cannot work. It returns shortly before ctx's deadline.
func (d *Driver) probe(ctx context.Context) error {
	p, err := d.probing()
	if p == nil {
		return err
	}
	patience := time.NewTimer(probePatience(ctx))
	defer patience.Stop()
	select {
	case <-p.done:
		return p.err
	case <-patience.C:
		return fmt.Errorf("the backend has not answered for %v", time.Since(p.since).Round(time.Millisecond))
	case <-ctx.Done():
		return ctx.Err()
	}
}

func probePatience(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return probeTimeout
	}
	left := time.Until(deadline)
	return min(left-keyop.Margin(left), probeTimeout)
}

// probing returns the probe that runs, or starts one; nil if the last result
// is fresh.
func (d *Driver) probing() (*probing, error) {
	h := &d.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running == nil {
		if !h.at.IsZero() && time.Since(h.at) < probeFresh {
			return nil, h.err
		}
		ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
		h.running = &probing{since: time.Now(), cancel: cancel, done: make(chan struct{})}
		go d.runProbe(ctx, h.running)
	}
	return h.running, nil
}

// runProbe is the goroutine of one probe. It ends when the backend returns,
// which its context makes it do in time.
func (d *Driver) runProbe(ctx context.Context, p *probing) {
	defer p.cancel()
	p.err = d.examine(ctx)
	h := &d.health
	h.mu.Lock()
	defer h.mu.Unlock()
	d.logHealth(h.err, p.err)
	h.running, h.at, h.err = nil, time.Now(), p.err
	close(p.done)
}

// logHealth says when the driver begins or ceases to work, and once why: what
// Probe answers is seen by few, and the log is where an operator looks first.
func (d *Driver) logHealth(before, now error) {
	switch {
	case now == nil && before != nil:
		d.log.Info("the driver can work again")
	case now != nil && (before == nil || before.Error() != now.Error()) && !errors.Is(now, context.Canceled):
		d.log.Warn("the driver cannot work yet", "error", now)
	}
}

// end cancels a running probe and waits for it until ctx ends.
func (h *health) end(ctx context.Context) {
	h.mu.Lock()
	p := h.running
	h.mu.Unlock()
	if p == nil {
		return
	}
	p.cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
	}
}

// examine asks the backend, and looks at what the host must offer.
func (d *Driver) examine(ctx context.Context) error {
	if err := d.missingTools(); err != nil || d.features.prober == nil {
		return err
	}
	return do(ctx, d, "Probe", "", d.features.prober.Probe)
}

// missingTools names the programs that staging a new volume would miss. Only
// drivers with raw volumes are sure to have devices, and only those with the
// kernel's mounts format them.
func (d *Driver) missingTools() error {
	if !d.servesDevices() {
		return nil
	}
	var faults []error
	for _, tool := range []string{"blkid", "mkfs." + d.opts.DefaultFSType} {
		if _, err := exec.LookPath(tool); err != nil {
			faults = append(faults, fmt.Errorf("the host tool %s is missing (%w): add its package to the driver's image", tool, err))
		}
	}
	return errors.Join(faults...)
}

// kernelMounts reports whether the mounts are real ones.
func (d *Driver) kernelMounts() bool {
	_, ok := d.opts.Mounts.(*mount.Kernel)
	return ok
}

func (d *Driver) servesDevices() bool {
	f := &d.features
	return runtime.GOOS == "linux" && d.opts.Services != ControllerService && d.kernelMounts() &&
		f.offersBlock() && f.offersMount() && !f.traits.PerPod
}
