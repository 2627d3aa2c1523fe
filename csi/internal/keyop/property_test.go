package keyop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A step is one request of a random schedule.
type step struct {
	op       Op
	at, work time.Duration
	patience time.Duration // 0: it waits for ever
}

func drawSteps(t *rapid.T) []step {
	millis := func(label string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, label)) * time.Millisecond
	}
	steps := make([]step, rapid.IntRange(1, 24).Draw(t, "steps"))
	for i := range steps {
		s := &steps[i]
		s.at, s.work, s.patience = millis("at", 40), millis("work", 20), millis("patience", 100)
		if s.patience > 0 && s.patience < 10*time.Millisecond {
			s.patience = 0
		}
		for range rapid.IntRange(1, 3).Draw(t, "keys") {
			s.op.Keys = append(s.op.Keys, Key{Name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"), Shared: rapid.Bool().Draw(t, "shared")})
		}
		s.op.RPC, s.op.ID = "step", fmt.Sprint(i)
		if rapid.Bool().Draw(t, "joinable") {
			s.op.Identity = fmt.Sprint(s.op.Keys)
		}
	}
	return steps
}

// A holders counts who holds each key, and remembers what went wrong.
type holders struct {
	mu                sync.Mutex
	shared, exclusive map[string]int
	faults            []string
}

func (h *holders) take(keys []Key, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range distinct(keys) {
		if k.Shared {
			h.shared[k.Name] += n
		} else {
			h.exclusive[k.Name] += n
		}
		if e := h.exclusive[k.Name]; e > 1 || (e == 1 && h.shared[k.Name] > 0) {
			h.faults = append(h.faults, fmt.Sprintf("key %s is held by %d exclusively and by %d shared", k.Name, e, h.shared[k.Name]))
		}
	}
}

// Exclusion: never two that are not compatible. No lost wake-up: everybody
// gets an answer, and the table is empty at the end (synctest fails a test
// whose goroutines all wait for ever).
func TestPropertyExclusionAndProgress(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		steps := drawSteps(r)
		h := &holders{shared: map[string]int{}, exclusive: map[string]int{}}
		synctest.Test(t, func(t *testing.T) {
			table := New(Hooks{})
			var all sync.WaitGroup
			for _, s := range steps {
				all.Go(func() { h.request(table, s) })
			}
			all.Wait()
			time.Sleep(time.Minute) // operations whose callers have left end, too
			requireEmpty(t, table)
		})
		if len(h.faults) > 0 {
			r.Fatal(h.faults)
		}
		if t.Failed() {
			r.Fatal("see above")
		}
	})
}

func (h *holders) request(table *Table, s step) {
	time.Sleep(s.at)
	ctx := context.Background()
	if s.patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.patience)
		defer cancel()
	}
	_, _ = Do(ctx, table, s.op, func(Contexts) (struct{}, error) {
		h.take(s.op.Keys, 1)
		time.Sleep(s.work)
		h.take(s.op.Keys, -1)
		return struct{}{}, nil
	})
}

// Fairness: of any two operations that are not compatible, the one that came
// first starts first.
func TestPropertyNobodyOvertakes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		steps := drawSteps(r)
		var started []int
		synctest.Test(t, func(t *testing.T) {
			table := New(Hooks{})
			var mu sync.Mutex
			var all sync.WaitGroup
			for i, s := range steps {
				s.op.Identity = ""
				all.Go(func() {
					_, _ = Do(context.Background(), table, s.op, func(Contexts) (struct{}, error) {
						mu.Lock()
						started = append(started, i)
						mu.Unlock()
						time.Sleep(s.work)
						return struct{}{}, nil
					})
				})
				synctest.Wait() // it has arrived
			}
			all.Wait()
		})
		for n, later := range started {
			for _, earlier := range started[n+1:] {
				if earlier < later && conflict(steps[earlier].op.Keys, steps[later].op.Keys) {
					r.Fatalf("%d started before %d although it came later: %v", later, earlier, started)
				}
			}
		}
	})
}

func conflict(a, b []Key) bool {
	for _, x := range distinct(a) {
		for _, y := range distinct(b) {
			if x.Name == y.Name && !(x.Shared && y.Shared) {
				return true
			}
		}
	}
	return false
}

// The same with real threads, negations and leaving callers, for -race.
func TestStress(t *testing.T) {
	table := New(Hooks{Join: func(context.Context, context.Context) {}})
	h := &holders{shared: map[string]int{}, exclusive: map[string]int{}}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 200 {
				h.random(table)
			}
		})
	}
	all.Wait()
	if left := table.Shutdown(context.Background()); len(left) > 0 {
		t.Fatal(left)
	}
	requireEmpty(t, table)
	if len(h.faults) > 0 {
		t.Fatal(h.faults)
	}
}

func (h *holders) random(table *Table) {
	id := fmt.Sprint(rand.IntN(4))
	op := stage(id)
	switch rand.IntN(3) {
	case 0:
		op = unstage(id)
	case 1:
		op.Keys = []Key{Shared(id), Exclusive("part/" + id)}
		op.Identity = "publish/" + id
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(2000)+1)*time.Microsecond)
	defer cancel()
	_, _ = Do(ctx, table, op, func(c Contexts) (struct{}, error) {
		h.take(op.Keys, 1)
		defer h.take(op.Keys, -1)
		select {
		case <-c.Op.Done():
		case <-time.After(time.Duration(rand.IntN(200)) * time.Microsecond):
		}
		return struct{}{}, nil
	})
}
