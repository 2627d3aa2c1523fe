package ebs_test

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// crashSeeds is how many worlds there are: few, or as CSIKIT_CRASH_SEEDS says
// (make crash-ebs: 1,000).
func crashSeeds() (n int, all bool) {
	n, err := strconv.Atoi(os.Getenv("CSIKIT_CRASH_SEEDS"))
	if err != nil {
		return 12, false
	}
	return n, true
}

// TestCrash_EveryStep kills the controller once, at each of its calls to EC2
// in the life of a volume, and lets the next one go on: everything asked for is
// there once, and nothing is left at the end. With CSIKIT_CRASH_SEEDS it dies
// at each call in each way, else in one.
func TestCrash_EveryStep(t *testing.T) {
	o := ec2test.Options{Timings: ec2test.EC2Timings().Scale(0.01), Lag: ec2test.Span{Max: 50 * time.Millisecond}, Latency: ec2test.Constant(3 * time.Millisecond)}
	_, all := crashSeeds()
	stories := map[string]func(*world) error{"volume": (*world).volumeStory, "snapshot": (*world).snapshotStory, "group": (*world).groupStory}
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			steps := 0
			for call, more := 1, true; more; call++ {
				for how := range deathKinds {
					if !all && int(how) != call%int(deathKinds) {
						continue
					}
					run := fmt.Sprintf("call %d, death %d", call, how)
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, uint64(call), o, death{call, how})
						require.NoError(t, story(w), run)
						require.Empty(t, w.leftovers(), run)
						more = w.kills > 0
						w.end()
					})
					steps++
				}
			}
			t.Logf("%d deaths", steps)
		})
	}
}

// TestCrash_Seeds kills controllers at random moments while several volumes
// live, EC2 throttles, lags and fails. CSIKIT_CRASH_SEED names the only one to run;
// what goroutines do at the same moment is not decided by the seed.
func TestCrash_Seeds(t *testing.T) {
	seeds, _ := crashSeeds()
	first := 1
	if n, err := strconv.Atoi(os.Getenv("CSIKIT_CRASH_SEED")); err == nil {
		seeds, first = 1, n
	}
	var sum tally
	for seed := first; seed < first+seeds; seed++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, uint64(seed), roughEC2())
			w.rough()
			var group sync.WaitGroup
			for i, story := range []func(*world) error{(*world).volumeStory, (*world).snapshotStory, (*world).volumeStory, (*world).failedStory, (*world).groupStory} {
				group.Go(func() {
					if err := story(w); err != nil {
						t.Errorf("seed %d, story %d: %v", seed, i, err)
					}
				})
			}
			group.Wait()
			for _, left := range w.leftovers() {
				t.Errorf("seed %d: left behind: %s", seed, left)
			}
			sum.add(w)
			w.end()
		})
		if t.Failed() {
			return
		}
	}
	t.Log(sum.String())
}

// roughEC2 is an EC2 that takes its time, throttles and lags.
func roughEC2() ec2test.Options {
	return ec2test.Options{
		Timings: ec2test.EC2Timings(), Lag: ec2test.Span{Max: 2 * time.Second}, MappingLag: ec2test.Span{Max: time.Second},
		Latency: ec2test.LogNormal(20*time.Millisecond, 500*time.Millisecond),
		Buckets: map[string]ec2test.Bucket{"": {Burst: 8, Rate: 4}},
	}
}

// rough adds errors and deaths.
func (w *world) rough() {
	for _, f := range []ec2test.Fault{
		{Code: "InternalError", Status: 500, Probability: 0.03},
		{Code: "Unavailable", Status: 503, Execute: true, Probability: 0.03}, // executed all the same
		{Lose: true, Probability: 0.03},
		{Refuse: true, Probability: 0.03},
	} {
		w.ec2.Inject(f)
	}
	for range 2 + w.rand.IntN(8) {
		w.deaths = append(w.deaths, death{1 + w.rand.IntN(30), deathKind(w.rand.IntN(int(deathKinds)))})
	}
}

// A tally is what happened in many worlds.
type tally struct {
	worlds, kills, rpcs, retries, calls, throttled, lost, failed int
	finished                                                     map[string]int
}

func (s *tally) add(w *world) {
	s.worlds++
	s.kills, s.rpcs, s.retries = s.kills+w.kills, s.rpcs+w.rpcs, s.retries+w.retries
	for _, c := range w.ec2.Calls() {
		s.calls++
		switch {
		case c.Lost:
			s.lost++
		case c.Code == "RequestLimitExceeded":
			s.throttled++
		case c.Code == "InternalError" || c.Code == "Unavailable":
			s.failed++
		}
	}
	if s.finished == nil {
		s.finished = map[string]int{}
	}
	for name, n := range w.finished {
		s.finished[name] += n
	}
}

func (s *tally) String() string {
	return fmt.Sprintf("%d seeds: %d controllers killed; %d RPCs, of which %d were tried again; %d EC2 calls: %d throttled, %d answers or requests lost, %d server errors; RPCs answered OK: %v; nothing doubled, nothing left behind",
		s.worlds, s.kills, s.rpcs, s.retries, s.calls, s.throttled, s.lost, s.failed, s.finished)
}
