package gather

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

type job struct {
	want []int
	ran  int // the number of the run
}

// TestQueue_WhoeverComesInTimeGoesAlong: until the job is taken, and else in the
// next one. Another key does not wait.
func TestQueue_WhoeverComesInTimeGoesAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group sync.WaitGroup
		defer group.Wait()
		runs := map[string]int{}
		var mu sync.Mutex
		q := NewQueue(&group, func(key string, take func() *job) {
			time.Sleep(10 * time.Millisecond) // it reads what there is
			j := take()
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			runs[key]++
			j.ran = runs[key]
		})
		start := time.Now()
		for _, c := range []struct {
			at   time.Duration
			key  string
			ran  int
			ends time.Duration
		}{
			{0, "a", 1, 20}, {5, "a", 1, 20}, {15, "a", 2, 40}, {16, "b", 1, 36}, {19, "a", 2, 40}, {35, "a", 3, 60}, {100, "a", 4, 120},
		} {
			group.Go(func() {
				time.Sleep(c.at * time.Millisecond)
				j, err := q.Do(t.Context(), c.key, func(j *job) { j.want = append(j.want, int(c.at)) })
				require.NoError(t, err)
				require.Contains(t, j.want, int(c.at))
				require.Equal(t, c.ran, j.ran, c.at)
				require.Equal(t, c.ends*time.Millisecond, time.Since(start))
			})
		}
	})
}

// TestQueue_EndOfACaller: the job goes on for the others.
func TestQueue_EndOfACaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group sync.WaitGroup
		defer group.Wait()
		q := NewQueue(&group, func(_ string, take func() *job) {
			time.Sleep(time.Second)
			take().ran = 1
		})
		group.Go(func() {
			j, err := q.Do(t.Context(), "a", func(*job) {})
			require.NoError(t, err)
			require.Equal(t, 1, j.ran)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := q.Do(ctx, "a", func(*job) {})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
