package csi_test

import (
	"fmt"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// A contest is one row of the table. A nil function is not measured.
type contest struct {
	name              string
	ours, bare, utils func()
	after             func() // undoes each of the three, unmeasured
}

func (c contest) run(b *testing.B, w *tabwriter.Writer, others, rounds int) {
	var times [3][]time.Duration
	var busy [3]time.Duration
	for i := range rounds {
		for k, f := range []func(){c.ours, c.bare, c.utils} {
			if f == nil || k == 2 && i%4 != 0 { // processes take long
				continue
			}
			start, cpu := time.Now(), cpuTime()
			f()
			times[k] = append(times[k], time.Since(start))
			busy[k] += cpuTime() - cpu
			if c.after != nil {
				c.after()
			}
		}
	}
	ours, bare, theirs := middle(times[0]), middle(times[1]), middle(times[2])
	fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t", c.name, others, micro(ours), micro(theirs), micro(bare), ratio(ours, bare), ratio(theirs, ours))
	for _, k := range []int{0, 2, 1} {
		fmt.Fprintf(w, "%s\t", micro(busy[k]/time.Duration(max(1, len(times[k])))))
	}
	fmt.Fprintln(w)
	b.ReportMetric(float64(ours.Microseconds()), c.name+"-µs")
	if bare > 0 {
		b.ReportMetric(float64(ours)/float64(bare), c.name+"-x-bare")
	}
}

// cpuTime is what this process and its children that have ended have used.
func cpuTime() (sum time.Duration) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if unix.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

func middle(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[len(d)/2]
}

func micro(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f µs", float64(d.Nanoseconds())/1000)
}

func ratio(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}
