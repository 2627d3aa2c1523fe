package metrics_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/csitest"
	"github.com/csikit/csikit/csi/metrics"
)

// A slow backend waits in CreateVolume until it is released.
type slow struct {
	entered, release chan struct{}
}

func (s *slow) CreateVolume(_ context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	s.entered <- struct{}{}
	<-s.release
	return &csi.Volume{ID: spec.Name, Size: spec.Size.Required}, nil
}
func (s *slow) DeleteVolume(context.Context, csi.VolumeRef) error { return nil }
func (s *slow) Volume(_ context.Context, v csi.VolumeRef) (*csi.Volume, error) {
	return &csi.Volume{ID: v.ID}, nil
}
func (s *slow) Locate(context.Context, csi.NodeVolume) (csi.Source, error) {
	return nil, csi.ErrUnavailable
}

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	return w.Body.String()
}

func TestRPCsAndOperationsAreCounted(t *testing.T) {
	m, b := metrics.New(), &slow{make(chan struct{}), make(chan struct{})}
	opts := &csi.Options{StateDir: t.TempDir()}
	m.Observe(opts)
	d, err := csi.New("metrics.csi.example.com", b, opts)
	require.NoError(t, err)
	assert.NotContains(t, scrape(t, m), "csikit_operations_started_total", "no driver is watched yet")
	m.Watch(d)
	client := csipb.NewControllerClient(csitest.Start(t, d))

	done := make(chan error, 2)
	create := func(name string, size int64) {
		_, err := client.CreateVolume(t.Context(), &csipb.CreateVolumeRequest{
			Name: name, CapacityRange: &csipb.CapacityRange{RequiredBytes: size},
			VolumeCapabilities: []*csipb.VolumeCapability{{
				AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{}},
				AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
			}},
		})
		done <- err
	}
	go create("pvc-1", 1<<30)
	<-b.entered
	go create("pvc-1", 2<<30) // another size: another operation on the same name
	require.Eventually(t, func() bool { return d.OperationStats().Waiting == 1 }, 10*time.Second, time.Millisecond)

	text := scrape(t, m)
	for _, want := range []string{
		`csikit_operations{rpc="CreateVolume",state="running"} 1`,
		`csikit_operations{rpc="CreateVolume",state="waiting"} 1`,
		`csikit_operation_oldest_seconds{rpc="CreateVolume",state="running"} `,
		`csikit_operations_started_total 1`,
	} {
		assert.Contains(t, text, want)
	}
	b.release <- struct{}{}
	require.NoError(t, <-done)
	<-b.entered
	b.release <- struct{}{}
	require.NoError(t, <-done)

	text = scrape(t, m)
	for _, want := range []string{
		`grpc_server_handled_total{grpc_code="OK",grpc_method="CreateVolume",grpc_service="csi.v1.Controller",grpc_type="unary"} 2`,
		`grpc_server_handling_seconds_count{grpc_method="CreateVolume",grpc_service="csi.v1.Controller",grpc_type="unary"} 2`,
		`csikit_operations_started_total 2`,
		`csikit_operation_wait_seconds_count 1`,
		`go_goroutines`,
	} {
		assert.Contains(t, text, want)
	}
	assert.False(t, strings.Contains(text, `csikit_operations{`), "none is in flight")
}

// Metrics of the driver's own are served too, and one that is wrong costs no other.
func TestMetricsOfTheDriversOwn(t *testing.T) {
	m := metrics.New()
	mine := prometheus.NewCounter(prometheus.CounterOpts{Name: "mine_total", Help: "Mine."})
	m.Add(mine, broken{})
	text := scrape(t, m)
	assert.Contains(t, text, "mine_total 0")
	assert.Contains(t, text, "go_goroutines")
}

type broken struct{}

func (broken) Describe(chan<- *prometheus.Desc) {}
func (broken) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.NewInvalidMetric(prometheus.NewDesc("broken", "Broken.", nil, nil), context.Canceled)
}
