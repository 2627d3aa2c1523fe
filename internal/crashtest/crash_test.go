//go:build linux

package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/looptest"
)

// workers is how many hosts are used at once.
const workers = 3

// A task is one crash point; at 0 the last RPC is answered.
type task struct {
	s  *sequence
	at int
}

func (t task) String() string {
	return fmt.Sprintf("%v: killed before step %d of %d (%s)", t.s, t.at, len(t.s.steps), t.s.steps[t.at-1])
}

// A tier is one run of the crash tier.
type tier struct {
	t       *testing.T
	limit   sample
	workers []*worker
	began   time.Time

	mu         sync.Mutex
	sequences  map[string][]*sequence
	points     map[string]int // run, by kind
	unreached  map[string]int
	violations map[string]int
	done       int
}

// TestCrash kills the driver before every step of the last RPC of every sequence
// of up to four RPCs; see the package comment. By itself it runs a few crash
// points; make test-crash runs all.
func TestCrash(t *testing.T) {
	looptest.NeedRoot(t)
	c := &tier{t: t, limit: sampleSetting(t), began: time.Now(), sequences: map[string][]*sequence{},
		points: map[string]int{}, unreached: map[string]int{}, violations: map[string]int{}}
	random := rand.New(rand.NewPCG(seedSetting(t), 0))
	for range workers {
		w := &worker{h: newHost(t)}
		t.Cleanup(w.close)
		c.workers = append(c.workers, w)
	}
	used := kinds
	if c.limit.count > 0 && c.limit.count < 100 { // planning takes longer than the kills
		random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		used = kinds[:1]
	}
	c.plan(used)
	tasks := c.tasks(used)
	if !c.limit.all() {
		random.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	}
	if c.limit.count > 0 {
		tasks = tasks[:min(len(tasks), c.limit.count)]
	}
	c.run(tasks)
	require.Positive(t, c.done, "crash points run")
	c.report(used)
}

// plan lists the sequences of all kinds, each kind on one worker at a time.
func (c *tier) plan(used []kind) {
	queue := make(chan kind, len(used))
	for _, k := range used {
		queue <- k
	}
	close(queue)
	c.each(func(w *worker) {
		for k := range queue {
			began := time.Now()
			s, err := w.plan(c.t.Context(), k, os.Getenv("CSIKIT_CRASH_PRUNE") != "0")
			if err != nil {
				c.t.Errorf("violation in %v", err)
				c.renew(w)
			}
			c.mu.Lock()
			c.sequences[k.name] = s
			c.mu.Unlock()
			c.say("%s: planned in %v", k.name, time.Since(began).Round(time.Millisecond))
		}
	})
	require.False(c.t, c.t.Failed(), "undisturbed sequences must be in order before any is disturbed")
}

// tasks prints the list of sequences and returns all their crash points.
func (c *tier) tasks(used []kind) (tasks []task) {
	c.say("sequences of up to %d RPCs; each line stands for that many that are equal to it; steps of the last RPC", longest)
	for _, k := range used {
		for _, s := range c.sequences[k.name] {
			c.say("%5d  %2d steps  %v", s.equal, len(s.steps), s)
			for at := range s.steps {
				tasks = append(tasks, task{s, at + 1})
			}
		}
	}
	return tasks
}

func (c *tier) each(f func(*worker)) {
	var all sync.WaitGroup
	for _, w := range c.workers {
		all.Go(func() { f(w) })
	}
	all.Wait()
}

// run runs the tasks until they or the time are over.
func (c *tier) run(tasks []task) {
	began := time.Now()
	ctx := c.t.Context()
	if c.limit.time > 0 {
		var cancel context.CancelFunc
		left := max(time.Until(c.began.Add(c.limit.time)), c.limit.time/3) // planning takes all of it on a slow machine
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	queue := make(chan task)
	go func() {
		defer close(queue)
		for _, x := range tasks {
			select {
			case queue <- x:
			case <-ctx.Done():
				return
			}
		}
	}()
	var told time.Time
	c.each(func(w *worker) {
		for x := range queue {
			killed, err := w.crash(c.t.Context(), x.s, x.at)
			c.mu.Lock()
			c.count(x, killed, err)
			if now := time.Now(); now.Sub(told) > 5*time.Second {
				told = now
				left := time.Duration(float64(now.Sub(began)) / float64(c.done) * float64(len(tasks)-c.done))
				c.say("%d of %d crash points, %v, at this pace %v to go", c.done, len(tasks), now.Sub(began).Round(time.Second), left.Round(time.Second))
			}
			c.mu.Unlock()
			if err != nil {
				c.renew(w)
			}
		}
	})
}

// count notes the outcome of a task.
func (c *tier) count(x task, killed bool, err error) {
	c.done++
	switch {
	case killed:
		c.points[x.s.kind.name]++
	default:
		c.unreached[x.s.kind.name]++
	}
	if err != nil {
		c.violations[x.s.kind.name]++
		c.t.Errorf("violation: %v: %v", x, err)
	}
}

// renew gives a worker a new host: what a violation left must not spoil the
// next task.
func (c *tier) renew(w *worker) {
	w.close()
	*w = worker{h: newHost(c.t)}
}

// report says what was run.
func (c *tier) report(used []kind) {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "volumes\tsequences\tafter pruning\tcrash points\trun\tnot reached\tviolations\t")
	for _, k := range used {
		sequences, points := 0, 0
		for _, s := range c.sequences[k.name] {
			sequences += s.equal
			points += len(s.steps)
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", k.name, sequences, len(c.sequences[k.name]), points, c.points[k.name], c.unreached[k.name], c.violations[k.name])
	}
	_ = table.Flush()
	c.say("%s%v in all; ext4 grows online here: %v; unstages repeated because mount namespaces of others held the device: %d",
		text.String(), time.Since(c.began).Round(time.Second), mayGrowExt4(), heldByOthers.Load())
}

// say prints at once: t.Log would keep it until the end.
func (c *tier) say(format string, args ...any) {
	if testing.Verbose() {
		fmt.Printf(format+"\n", args...)
	}
}
