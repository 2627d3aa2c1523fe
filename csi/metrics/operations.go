package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/csikit/csikit/csi"
)

var (
	inFlight = prometheus.NewDesc("csikit_operations", "Operations in flight.", []string{"rpc", "state"}, nil)
	oldest   = prometheus.NewDesc("csikit_operation_oldest_seconds", "Age of the oldest operation in flight.", []string{"rpc", "state"}, nil)
	started  = prometheus.NewDesc("csikit_operations_started_total", "Operations that ran.", nil, nil)
	joined   = prometheus.NewDesc("csikit_operations_joined_total", "RPCs that shared the operation of another RPC.", nil, nil)
	waited   = prometheus.NewDesc("csikit_operation_wait_seconds", "Time that operations waited for others on the same volume.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(c chan<- *prometheus.Desc) {
	m.rpcs.Describe(c)
	for _, d := range []*prometheus.Desc{inFlight, oldest, started, joined, waited} {
		c <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(c chan<- prometheus.Metric) {
	m.rpcs.Collect(c)
	d := m.driver.Load()
	if d == nil {
		return
	}
	s := d.OperationStats()
	c <- prometheus.MustNewConstMetric(started, prometheus.CounterValue, float64(s.Started))
	c <- prometheus.MustNewConstMetric(joined, prometheus.CounterValue, float64(s.Joined))
	c <- prometheus.MustNewConstSummary(waited, s.Waited, s.WaitTime.Seconds(), nil)
	for labels, g := range groups(d.Operations(), time.Now()) {
		c <- prometheus.MustNewConstMetric(inFlight, prometheus.GaugeValue, g.count, labels.rpc, labels.state)
		c <- prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, g.oldest.Seconds(), labels.rpc, labels.state)
	}
}

type labels struct{ rpc, state string }

type group struct {
	count  float64
	oldest time.Duration
}

// groups counts operations by RPC and state.
func groups(operations []csi.Operation, now time.Time) map[labels]group {
	out := map[labels]group{}
	for _, o := range operations {
		l, since := labels{o.RPC, "running"}, o.Started
		if o.Waiting {
			l.state, since = "waiting", o.Arrived
		}
		g := out[l]
		out[l] = group{g.count + 1, max(g.oldest, now.Sub(since))}
	}
	return out
}
