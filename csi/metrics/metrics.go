package metrics

import (
	"net/http"
	"sync/atomic"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"

	"github.com/csikit/csikit/csi"
)

// buckets of the duration of RPCs, in seconds: a publish takes milliseconds, a
// mkfs or a create minutes.
var buckets = []float64{.001, .005, .025, .1, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}

// Metrics are the metrics of one driver. It is a [prometheus.Collector], to be
// registered with a registry of one's own; or use [Metrics.Handler].
type Metrics struct {
	rpcs   *grpcprom.ServerMetrics
	driver atomic.Pointer[csi.Driver]
	more   []prometheus.Collector
}

// New makes metrics. Nothing is registered anywhere.
func New() *Metrics {
	return &Metrics{rpcs: grpcprom.NewServerMetrics(
		grpcprom.WithServerHandlingTimeHistogram(grpcprom.WithHistogramBuckets(buckets)),
	)}
}

// Observe adds to opts what counts RPCs. Call it before [csi.New]. Servers that
// are embedded with [csi.Driver.Register] take [Metrics.UnaryInterceptor].
func (m *Metrics) Observe(opts *csi.Options) {
	opts.ServerOptions = append(opts.ServerOptions, grpc.ChainUnaryInterceptor(m.UnaryInterceptor()))
}

// UnaryInterceptor counts RPCs.
func (m *Metrics) UnaryInterceptor() grpc.UnaryServerInterceptor {
	return m.rpcs.UnaryServerInterceptor()
}

// Watch adds the operations of d to the metrics; there are none before.
func (m *Metrics) Watch(d *csi.Driver) { m.driver.Store(d) }

// Add adds metrics of the driver's own to what [Metrics.Handler] serves. Call it
// before.
func (m *Metrics) Add(c ...prometheus.Collector) { m.more = append(m.more, c...) }

// Handler serves the metrics, and those of the Go runtime and the process.
func (m *Metrics) Handler() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(m.more...)
	// What is wrong with one metric must not cost the others.
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}
