package poll

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// roundTrip is how long a call of the cloud takes.
const roundTrip = 3 * time.Millisecond

// cloud has things that are done at a moment.
type cloud struct {
	*Poller[bool]
	mu    sync.Mutex
	done  map[string]time.Time
	reads [][]string
	fails error
}

// newCloud must be called in a bubble.
func newCloud(t *testing.T) *cloud {
	c := &cloud{done: map[string]time.Time{}}
	var group sync.WaitGroup
	life, end := context.WithCancelCause(context.Background())
	t.Cleanup(func() { end(nil); group.Wait() })
	c.Poller = New(NewScope(life, &group), 200, func(_ context.Context, keys []string) (map[string]bool, error) {
		c.mu.Lock()
		c.reads = append(c.reads, keys)
		c.mu.Unlock()
		time.Sleep(roundTrip / 2)
		c.mu.Lock()
		found := map[string]bool{}
		for _, k := range keys {
			if at, there := c.done[k]; there {
				found[k] = !time.Now().Before(at)
			}
		}
		fails := c.fails
		c.mu.Unlock()
		time.Sleep(roundTrip / 2)
		return found, fails
	})
	return c
}

// begin starts a change that takes d.
func (c *cloud) begin(key string, d time.Duration) Begin {
	return func(context.Context) (string, bool, error) {
		time.Sleep(roundTrip)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.done[key] = time.Now().Add(d)
		return key, true, nil
	}
}

func isDone(done, _ bool) (bool, error) { return done, nil }

// follow makes a change and returns how late its end was seen.
func (c *cloud) follow(t *testing.T, times *Times, key string, d time.Duration) time.Duration {
	require.NoError(t, c.Follow(t.Context(), times, c.begin(key, d), isDone))
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.done[key])
}

// TestFollow_AloneIsSeenSoon: whatever is expected, a change is seen at most 100
// ms and a call and a half after it was made, since it may be made in the middle
// of a call that does not see it; after 20 seconds, 1/200 of the time.
func TestFollow_AloneIsSeenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		for _, times := range []*Times{NewTimes(0, 0), NewTimes(time.Second, 4*time.Second)} {
			for d := time.Millisecond; d < 5*time.Minute; d = d*5/4 + time.Millisecond {
				late := c.follow(t, times, d.String(), d)
				require.LessOrEqual(t, late, max(100*time.Millisecond, d/199)+roundTrip*3/2, d)
			}
		}
	})
}

// TestFollow_ACrowdSharesItsLooks, whether the durations are known or not: the
// looks do not depend on how many wait.
func TestFollow_ACrowdSharesItsLooks(t *testing.T) {
	ec2 := func(i, n int) time.Duration {
		return 1200*time.Millisecond + 2800*time.Millisecond*time.Duration(i)/time.Duration(n)
	}
	for _, c := range []struct {
		what        string
		n, looks    int
		late        time.Duration
		duration    func(i, n int) time.Duration
		apart       time.Duration // between two that begin
		learnBefore int
	}{
		{"at once, which nobody expects", 100, 1, 2800 * time.Millisecond, func(int, int) time.Duration { return 0 }, 2 * time.Millisecond, 0},
		{"at once, known", 100, 2, 600 * time.Millisecond, func(int, int) time.Duration { return 0 }, 2 * time.Millisecond, remembered},
		{"all the same, known", 100, 2, 600 * time.Millisecond, func(int, int) time.Duration { return 2 * time.Second }, 2 * time.Millisecond, remembered},
		{"as EC2", 100, 2, 2 * time.Second, ec2, 2 * time.Millisecond, 0},
		{"as EC2, known", 100, 3, 2 * time.Second, ec2, 2 * time.Millisecond, remembered},
		{"as EC2, slow machine", 100, 3, 2 * time.Second, ec2, 8 * time.Millisecond, remembered},
		{"ten", 10, 12, 700 * time.Millisecond, ec2, 2 * time.Millisecond, remembered},
		// The first look is 2 seconds after the earliest that was learned, of which the very earliest are left out.
		{"a thousand", 1000, 5 * 5, 2300 * time.Millisecond, ec2, 2 * time.Millisecond, remembered},
		// Four more displace some of those: at worst the four earliest, so that the earliest of all comes 700 ms before what is
		// expected, and not 140.
		{"ten, some forgotten", 10, 12, 1300 * time.Millisecond, ec2, 2 * time.Millisecond, remembered + 4},
		{"a thousand, some forgotten", 1000, 5 * 5, 2700 * time.Millisecond, ec2, 2 * time.Millisecond, remembered + 4},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud, times := newCloud(t), NewTimes(time.Second, 4*time.Second)
				for i := range c.learnBefore {
					cloud.follow(t, times, "before", c.duration(i, c.learnBefore))
				}
				cloud.reads = nil
				var group sync.WaitGroup
				var begun sync.WaitGroup
				begun.Add(c.n)
				for i := range c.n {
					group.Go(func() {
						key := fmt.Sprint(i)
						begin := func(ctx context.Context) (string, bool, error) {
							begun.Done()
							begun.Wait() // they all come at once, and their calls end one by one
							time.Sleep(time.Duration(i) * c.apart)
							return cloud.begin(key, c.duration((i*37)%c.n, c.n))(ctx)
						}
						require.NoError(t, cloud.Follow(t.Context(), times, begin, isDone))
						require.LessOrEqual(t, time.Since(cloud.done[key]), c.late+5*roundTrip)
					})
				}
				group.Wait()
				require.LessOrEqual(t, len(cloud.reads), c.looks)
				t.Log(len(cloud.reads), "looks")
			})
		})
	}
}

// TestFollow_WhatIsStuckIsNoCrowd: a hundred that never end do not make the next
// one wait.
func TestFollow_WhatIsStuckIsNoCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				require.ErrorIs(t, c.Follow(ctx, NewTimes(0, 0), c.begin(fmt.Sprint(i), time.Hour), isDone), context.Canceled)
			})
		}
		time.Sleep(time.Minute)
		require.LessOrEqual(t, c.follow(t, NewTimes(0, 0), "next", time.Second), 103*time.Millisecond)
		cancel()
		group.Wait()
	})
}

// TestGet_AtOnceWhenAlone: also when one follows the other.
func TestGet_AtOnceWhenAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		for range 10 {
			start := time.Now()
			_, found, err := c.Get(t.Context(), "a")
			require.NoError(t, err)
			require.False(t, found)
			require.Equal(t, roundTrip, time.Since(start))
		}
	})
}

// TestGet_ACrowdIsTwoReads: the first one, and all who came meanwhile, at the
// pace at which a server takes requests.
func TestGet_ACrowdIsTwoReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		start := time.Now()
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * 200 * time.Microsecond)
				_, _, err := c.Get(t.Context(), fmt.Sprint(i))
				require.NoError(t, err)
			})
		}
		group.Wait()
		require.Len(t, c.reads, 2)
		require.Len(t, c.reads[0], 1)
		require.Len(t, c.reads[1], 99)
		require.Less(t, time.Since(start), 60*time.Millisecond)
	})
}

// TestGet_ACrowdOfTwoKindsStaysTogether: who is ahead, since it was read for
// alone, waits before it asks for the next kind; so that kind is read once. No
// longer than a second, though, and not for those who came later.
func TestGet_ACrowdOfTwoKindsStaysTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newCloud(t), newCloud(t)
		second.Scope = first.Scope
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				for _, c := range []*cloud{first, second} {
					_, _, err := c.Get(t.Context(), fmt.Sprint(i))
					require.NoError(t, err)
				}
			})
		}
		group.Wait()
		require.LessOrEqual(t, len(first.reads), 2)
		require.Len(t, second.reads, 1)

		_, stuck := first.queue(nil)
		start := time.Now()
		_, _, err := second.Get(t.Context(), "a")
		require.NoError(t, err)
		require.InDelta(t, longestHeld, time.Since(start), float64(2*settle))
		stuck()
		start = time.Now()
		_, _, err = second.Get(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, roundTrip, time.Since(start))
	})
}

// TestGet_ReadsAfterItWasAsked: an answer of a read that was under way could be
// of before what the caller has just done.
func TestGet_ReadsAfterItWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		var group sync.WaitGroup
		group.Go(func() { _, _, _ = c.Get(t.Context(), "a") })
		time.Sleep(roundTrip * 3 / 4)
		c.mu.Lock()
		c.done["a"] = time.Now()
		c.mu.Unlock()
		_, found, err := c.Get(t.Context(), "a")
		require.NoError(t, err)
		require.True(t, found)
		group.Wait()
	})
}

// TestGet_NoMoreKeysThanAllowed in one read, and each is answered.
func TestGet_NoMoreKeysThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		c.done["449"] = time.Now()
		var group sync.WaitGroup
		for i := range 450 {
			group.Go(func() {
				_, found, err := c.Get(t.Context(), fmt.Sprint(i))
				require.NoError(t, err)
				require.Equal(t, i == 449, found, "what is missing is missing for one")
			})
		}
		group.Wait()
		require.LessOrEqual(t, len(c.reads), 4)
		for _, keys := range c.reads {
			require.LessOrEqual(t, len(keys), 200)
		}
	})
}

// TestFind_UntilReadsHaveCaughtUp.
func TestFind_UntilReadsHaveCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		start := time.Now()
		_, found, err := c.Find(t.Context(), "a", time.Second)
		require.NoError(t, err)
		require.False(t, found)
		require.InDelta(t, time.Second, time.Since(start), float64(10*roundTrip))
		time.AfterFunc(300*time.Millisecond, func() { c.mu.Lock(); defer c.mu.Unlock(); c.done["a"] = time.Now() })
		_, found, err = c.Find(t.Context(), "a", time.Second)
		require.NoError(t, err)
		require.True(t, found)
	})
}

// TestEnds_OfTheCallerAndOfTheLife: nobody waits for a call that is of no use,
// and an error of a read is that of those it was for.
func TestEnds_OfTheCallerAndOfTheLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		gone := errors.New("the caller left")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, gone)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, c.Follow(ctx, NewTimes(0, 0), c.begin("a", time.Hour), isDone), gone)
		require.Equal(t, time.Second, time.Since(start))

		c.fails = errors.New("no such API")
		require.ErrorIs(t, c.Watch(t.Context(), "a", isDone), c.fails)
		c.fails = nil
		require.ErrorIs(t, c.Watch(t.Context(), "a", func(bool, bool) (bool, error) { return false, gone }), gone)
		require.ErrorIs(t, c.Follow(t.Context(), NewTimes(0, 0), func(context.Context) (string, bool, error) { return "", true, gone }, isDone), gone)
		require.Zero(t, c.crowd.Load())

		var group sync.WaitGroup
		life, end := context.WithCancelCause(context.Background())
		p := New(NewScope(life, &group), 1, func(ctx context.Context, _ []string) (map[string]bool, error) { <-ctx.Done(); return nil, nil })
		time.AfterFunc(time.Second, func() { end(gone) })
		_, _, err := p.Get(t.Context(), "a")
		require.ErrorIs(t, err, gone)
		_, _, err = p.Get(t.Context(), "a")
		require.ErrorIs(t, err, gone)
		group.Wait()
	})
}

func TestTimes_LeaveOutWhatIsOdd(t *testing.T) {
	times := NewTimes(time.Second, 4*time.Second)
	low, high, known := times.expect()
	require.Equal(t, [2]time.Duration{time.Second, 4 * time.Second}, [2]time.Duration{low, high})
	require.False(t, known)
	for range remembered - 2 {
		times.took(2*time.Second, 2*time.Second)
	}
	times.took(0, 0)
	times.took(time.Hour, time.Hour)
	low, high, known = times.expect()
	require.Equal(t, [2]time.Duration{2 * time.Second, 2 * time.Second}, [2]time.Duration{low, high})
	require.True(t, known)
}
