package ebsstats

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/csikit/csikit/internal/nvme"
	"github.com/csikit/csikit/internal/watch"
)

// Options say which disks have metrics.
type Options struct {
	// Instance tells the id of this instance. It is asked until it knows.
	Instance func(context.Context) (string, error)
	// Ours reports whether a volume that was attached at a device name, such as
	// /dev/xvdaa, is one of the driver's; "" is a name that the disk does not
	// tell. nil is all.
	Ours func(device string) bool
	// Logger is told of disks without statistics.
	Logger *slog.Logger
}

// A Collector is a [prometheus.Collector] of the disks of this machine, which
// reads them when it is asked.
type Collector struct {
	o       Options
	serials func() (map[string]string, error)
	device  func(disk string) string
	page    func(disk string) ([]byte, error)

	turn            sync.Mutex // of one who reads
	asked           watch.Watch
	metrics         *metrics // nil until the instance is known
	mute            map[string]bool
	scrapes, errors atomic.Uint64
}

// New makes a Collector.
func New(o Options) *Collector {
	return &Collector{
		o: o, mute: map[string]bool{}, serials: nvme.Machine.Serials,
		device: func(disk string) string {
			name, _ := nvme.Machine.EBSDevice(disk)
			return name
		},
		page: func(disk string) ([]byte, error) { return nvme.Machine.LogPage(disk, Page, Length) },
	}
}

// Describe implements [prometheus.Collector]. It names no metric, since a label of
// all is not known yet.
func (c *Collector) Describe(chan<- *prometheus.Desc) {}

// longest is how long the instance's id may take to be found.
const longest = 5 * time.Second

// Collect implements [prometheus.Collector]. While one collects, another gets
// nothing: a disk may hold up the first.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	if !c.turn.TryLock() {
		return
	}
	defer c.turn.Unlock()
	begun := time.Now()
	c.scrapes.Add(1)
	if c.metrics == nil {
		ctx, cancel := context.WithTimeout(context.Background(), longest)
		defer cancel()
		instance, err := c.o.Instance(ctx)
		if err != nil {
			c.errors.Add(1)
			c.o.Logger.Debug("no statistics of disks: what instance is this?", "error", err)
			return
		}
		c.metrics = newMetrics(instance)
	}
	c.disks(out)
	c.metrics.collector(out, c.scrapes.Load(), c.errors.Load(), time.Since(begun))
}

// patience is how long one disk may keep a scrape: all other metrics of the process
// wait for it (R14).
const patience = time.Second

// disks reads all disks of EBS that are the driver's.
func (c *Collector) disks(out chan<- prometheus.Metric) {
	serials, err := c.serials()
	if err != nil {
		c.errors.Add(1)
		c.o.Logger.Debug("no statistics of disks", "error", err)
		return
	}
	present := map[string]bool{}
	for disk, serial := range serials {
		id, ebs := strings.CutPrefix(serial, "vol")
		if !ebs {
			continue // an instance store
		}
		present[serial] = true
		if c.mute[serial] {
			continue
		}
		s, err := watch.Call(&c.asked, serial, patience, func() (*Statistics, error) { return c.read(disk) })
		if err == nil && s == nil {
			continue
		}
		if err != nil {
			c.errors.Add(1)
			c.o.Logger.Info("no statistics of a disk", "disk", disk, "volume", serial, "error", err)
			c.mute[serial] = errors.Is(err, nvme.ErrRefused) || errors.Is(err, ErrNoStatistics)
			continue
		}
		c.metrics.volume(out, "vol-"+strings.TrimPrefix(id, "-"), *s)
	}
	for serial := range c.mute {
		if !present[serial] {
			delete(c.mute, serial)
		}
	}
}

// read reads the page of a disk; nil if the disk is not ours.
func (c *Collector) read(disk string) (*Statistics, error) {
	if c.o.Ours != nil && !c.o.Ours(c.device(disk)) {
		return nil, nil
	}
	page, err := c.page(disk)
	if err != nil {
		return nil, err
	}
	s, err := Parse(page)
	return &s, err
}
