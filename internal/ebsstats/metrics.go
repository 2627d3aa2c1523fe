package ebsstats

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of aws-ebs-csi-driver (pkg/metrics/nvme.go there), of one
// instance.
type metrics struct {
	counters  []counter
	queue     *prometheus.Desc
	latencies [2]*prometheus.Desc
	scrapes   *prometheus.Desc
	errors    *prometheus.Desc
	duration  prometheus.Histogram
}

// A counter is a metric and where its value is.
type counter struct {
	desc  *prometheus.Desc
	value func(Statistics) float64
}

const prefix = "aws_ebs_csi_"

func newMetrics(instance string) *metrics {
	constant := prometheus.Labels{"instance_id": instance}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prefix+name, help, labels, constant)
	}
	m := &metrics{
		queue:     desc("volume_queue_length", "Operations that wait to be completed.", "volume_id"),
		latencies: [2]*prometheus.Desc{desc("read_io_latency_seconds", "Latency of reads.", "volume_id"), desc("write_io_latency_seconds", "Latency of writes.", "volume_id")},
		scrapes:   desc("nvme_collector_scrapes_total", "How often disks were read."),
		errors:    desc("nvme_collector_errors_total", "How often a disk could not be read, or had no statistics."),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "nvme_collector_duration_seconds", Help: "How long it took to read the disks.", ConstLabels: constant,
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	add := func(name, help string, value func(Statistics) float64) {
		m.counters = append(m.counters, counter{desc(name, help, "volume_id"), value})
	}
	add("read_ops_total", "Completed reads.", func(s Statistics) float64 { return float64(s.ReadOps) })
	add("write_ops_total", "Completed writes.", func(s Statistics) float64 { return float64(s.WriteOps) })
	add("read_bytes_total", "Bytes read.", func(s Statistics) float64 { return float64(s.ReadBytes) })
	add("write_bytes_total", "Bytes written.", func(s Statistics) float64 { return float64(s.WriteBytes) })
	add("read_seconds_total", "Time spent by all completed reads.", func(s Statistics) float64 { return s.ReadTime.Seconds() })
	add("write_seconds_total", "Time spent by all completed writes.", func(s Statistics) float64 { return s.WriteTime.Seconds() })
	add("exceeded_iops_seconds_total", "Time in which more IOPS were asked for than the volume has.", func(s Statistics) float64 { return s.VolumeIOPSExceeded.Seconds() })
	add("exceeded_tp_seconds_total", "Time in which more throughput was asked for than the volume has.", func(s Statistics) float64 { return s.VolumeThroughputExceeded.Seconds() })
	add("ec2_exceeded_iops_seconds_total", "Time in which more IOPS were asked for than the instance has.", func(s Statistics) float64 { return s.InstanceIOPSExceeded.Seconds() })
	add("ec2_exceeded_tp_seconds_total", "Time in which more throughput was asked for than the instance has.", func(s Statistics) float64 { return s.InstanceThroughputExceeded.Seconds() })
	return m
}

// volume writes the metrics of a volume.
func (m *metrics) volume(out chan<- prometheus.Metric, id string, s Statistics) {
	for _, c := range m.counters {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, c.value(s), id)
	}
	out <- prometheus.MustNewConstMetric(m.queue, prometheus.GaugeValue, float64(s.QueueLength), id)
	for i, latency := range []struct {
		bins []Bin
		sum  time.Duration
	}{{s.ReadLatency, s.ReadTime}, {s.WriteLatency, s.WriteTime}} {
		count, buckets := cumulative(latency.bins)
		out <- prometheus.MustNewConstHistogram(m.latencies[i], count, latency.sum.Seconds(), buckets, id)
	}
}

// cumulative counts as Prometheus does: each bucket has those below it too.
func cumulative(bins []Bin) (count uint64, buckets map[float64]uint64) {
	buckets = map[float64]uint64{}
	for _, b := range bins {
		count += b.Count
		buckets[b.Upper.Seconds()] = count
	}
	return count, buckets
}

// collector writes the metrics of the collector itself.
func (m *metrics) collector(out chan<- prometheus.Metric, scrapes, errors uint64, took time.Duration) {
	m.duration.Observe(took.Seconds())
	out <- m.duration
	out <- prometheus.MustNewConstMetric(m.scrapes, prometheus.CounterValue, float64(scrapes))
	out <- prometheus.MustNewConstMetric(m.errors, prometheus.CounterValue, float64(errors))
}
