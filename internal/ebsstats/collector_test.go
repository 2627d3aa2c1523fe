package ebsstats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/nvme"
)

// machine is a Collector of disks that are not there.
func machine(t *testing.T, serials map[string]string, page func(disk string) ([]byte, error)) (*Collector, *bytes.Buffer, *prometheus.Registry) {
	var log bytes.Buffer
	c := New(Options{
		Instance: func(context.Context) (string, error) { return "i-1", nil },
		Ours:     func(device string) bool { return device != "/dev/xvda" },
		Logger:   slog.New(slog.NewTextHandler(&log, nil)),
	})
	c.serials = func() (map[string]string, error) { return serials, nil }
	c.device = func(disk string) string {
		return map[string]string{"nvme0n1": "/dev/xvda", "nvme1n1": "/dev/xvdaa"}[disk]
	}
	c.page = page
	r := prometheus.NewRegistry()
	require.NoError(t, r.Register(c))
	return c, &log, r
}

func TestMetrics_AreThoseOfTheDriverOfAWS(t *testing.T) {
	serials := map[string]string{"nvme0n1": "vol0root", "nvme1n1": "vol0123", "nvme2n1": "AWS1234", "nvme3n1": "vol-4"}
	_, _, r := machine(t, serials, func(disk string) ([]byte, error) {
		require.Contains(t, "nvme1n1 nvme3n1", disk, "neither the root nor an instance store is asked")
		if disk == "nvme3n1" {
			return nil, fmt.Errorf("%w: 0x4109", nvme.ErrRefused)
		}
		return page([]uint64{1, 2, 3, 4, 5e6, 6e6, 7e6, 8e6, 9e6, 10e6, 11},
			[]Bin{{0, time.Millisecond, 3}, {time.Millisecond, time.Second, 5}}, nil), nil
	})
	want := ""
	for i, name := range strings.Fields("read_ops write_ops read_bytes write_bytes read_seconds write_seconds exceeded_iops_seconds exceeded_tp_seconds ec2_exceeded_iops_seconds ec2_exceeded_tp_seconds") {
		want += fmt.Sprintf("# TYPE aws_ebs_csi_%s_total counter\naws_ebs_csi_%s_total{instance_id=\"i-1\",volume_id=\"vol-0123\"} %d\n", name, name, i+1)
	}
	want += `# TYPE aws_ebs_csi_volume_queue_length gauge
aws_ebs_csi_volume_queue_length{instance_id="i-1",volume_id="vol-0123"} 11
# TYPE aws_ebs_csi_read_io_latency_seconds histogram
aws_ebs_csi_read_io_latency_seconds_bucket{instance_id="i-1",volume_id="vol-0123",le="0.001"} 3
aws_ebs_csi_read_io_latency_seconds_bucket{instance_id="i-1",volume_id="vol-0123",le="1"} 8
aws_ebs_csi_read_io_latency_seconds_bucket{instance_id="i-1",volume_id="vol-0123",le="+Inf"} 8
aws_ebs_csi_read_io_latency_seconds_sum{instance_id="i-1",volume_id="vol-0123"} 5
aws_ebs_csi_read_io_latency_seconds_count{instance_id="i-1",volume_id="vol-0123"} 8
# TYPE aws_ebs_csi_write_io_latency_seconds histogram
aws_ebs_csi_write_io_latency_seconds_bucket{instance_id="i-1",volume_id="vol-0123",le="+Inf"} 0
aws_ebs_csi_write_io_latency_seconds_sum{instance_id="i-1",volume_id="vol-0123"} 6
aws_ebs_csi_write_io_latency_seconds_count{instance_id="i-1",volume_id="vol-0123"} 0
# TYPE aws_ebs_csi_nvme_collector_scrapes_total counter
aws_ebs_csi_nvme_collector_scrapes_total{instance_id="i-1"} 1
# TYPE aws_ebs_csi_nvme_collector_errors_total counter
aws_ebs_csi_nvme_collector_errors_total{instance_id="i-1"} 1
`
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	var have []string
	types := 0
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "# TYPE") {
			types++
		}
		if !strings.HasPrefix(line, "# HELP") && !strings.Contains(line, "nvme_collector_duration_seconds") {
			have = append(have, line)
		}
	}
	require.ElementsMatch(t, slices.Collect(strings.Lines(want)), have)
	require.Equal(t, 16, types, "as many as docs/metrics.md of aws-ebs-csi-driver names")
}

// TestNoStorm: a disk without statistics is told of once, and not asked again
// until another disk has its place.
func TestNoStorm(t *testing.T) {
	asked, serials := 0, map[string]string{"nvme1n1": "vol1"}
	c, log, r := machine(t, serials, func(string) ([]byte, error) {
		asked++
		return make([]byte, Length), nil
	})
	for range 5 {
		_, err := r.Gather()
		require.NoError(t, err)
	}
	require.Equal(t, 1, asked)
	require.Equal(t, 1, strings.Count(log.String(), "no statistics of a disk"))
	require.EqualValues(t, 1, c.errors.Load())
	require.EqualValues(t, 5, c.scrapes.Load())

	serials["nvme1n1"] = "vol2"
	_, err := r.Gather()
	require.NoError(t, err)
	require.Equal(t, 2, asked)
	c.page = func(string) ([]byte, error) { return nil, errors.New("i/o error") }
	delete(c.mute, "vol2")
	for range 2 {
		_, err := r.Gather()
		require.NoError(t, err)
	}
	require.EqualValues(t, 4, c.errors.Load(), "what may pass is asked again")
}

// TestADiskThatDoesNotAnswer holds up one, and no more.
func TestADiskThatDoesNotAnswer(t *testing.T) {
	entered, answer := make(chan struct{}), make(chan struct{})
	_, _, r := machine(t, map[string]string{"nvme1n1": "vol1"}, func(string) ([]byte, error) {
		close(entered)
		<-answer
		return page(nil, nil, nil), nil
	})
	done := make(chan error)
	go func() {
		_, err := r.Gather()
		done <- err
	}()
	<-entered
	families, err := r.Gather()
	require.NoError(t, err)
	require.Empty(t, families)
	close(answer)
	require.NoError(t, <-done)
}

func TestTheInstanceIsAskedUntilItKnows(t *testing.T) {
	c, _, r := machine(t, map[string]string{"nvme1n1": "vol1"}, func(string) ([]byte, error) { return page(nil, nil, nil), nil })
	know := c.o.Instance
	c.o.Instance = func(context.Context) (string, error) { return "", errors.New("no answer") }
	families, err := r.Gather()
	require.NoError(t, err)
	require.Empty(t, families)
	c.o.Instance = know
	families, err = r.Gather()
	require.NoError(t, err)
	require.NotEmpty(t, families)
}

// TestADeadDisk_KeepsNobody: the metrics of other disks, and all others of the
// process, are told in time, and one thread waits.
func TestADeadDisk_KeepsNobody(t *testing.T) {
	var asked atomic.Int32
	answer := make(chan struct{})
	defer close(answer)
	_, _, r := machine(t, map[string]string{"nvme1n1": "vol1", "nvme2n1": "vol2"}, func(disk string) ([]byte, error) {
		if disk == "nvme2n1" {
			asked.Add(1)
			<-answer
		}
		return page(nil, nil, nil), nil
	})
	for range 3 {
		done := make(chan int, 1)
		go func() {
			families, _ := r.Gather()
			done <- len(families)
		}()
		select {
		case n := <-done:
			require.Positive(t, n)
		case <-time.After(10 * time.Second):
			t.Fatal("a scrape waits for a dead disk")
		}
	}
	require.EqualValues(t, 1, asked.Load())
}
