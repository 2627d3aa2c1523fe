package keyop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call runs Do in a goroutine and returns a channel that gets its outcome.
func call(ctx context.Context, t *Table, op Op, run func(Contexts) (string, error)) <-chan outcome {
	c := make(chan outcome, 1)
	go func() {
		s, err := Do(ctx, t, op, run)
		c <- outcome{s, err}
	}()
	return c
}

type outcome struct {
	result string
	err    error
}

// blocked is an operation that returns result when released is closed or its
// own context ends.
func blocked(released <-chan struct{}, result string) func(Contexts) (string, error) {
	return func(c Contexts) (string, error) {
		select {
		case <-released:
			return result, nil
		case <-c.Op.Done():
			return "", c.Op.Err()
		}
	}
}

func answer(result string) func(Contexts) (string, error) {
	return func(Contexts) (string, error) { return result, nil }
}

func stage(id string) Op {
	return Op{RPC: "NodeStageVolume", ID: id, Keys: []Key{Exclusive(id)}, Identity: "stage/" + id, Tags: []string{"stage/" + id}, Request: "r1", Timeout: time.Hour}
}

func unstage(id string) Op {
	return Op{RPC: "NodeUnstageVolume", ID: id, Keys: []Key{Exclusive(id)}, Identity: "unstage/" + id, Cancels: []string{"stage/" + id}, Request: "r2", Timeout: time.Hour}
}

func requireEmpty(t *testing.T, table *Table) {
	t.Helper()
	table.mu.Lock()
	defer table.mu.Unlock()
	require.Empty(t, table.queues)
	require.Empty(t, table.identities)
	require.Empty(t, table.operations)
	require.Zero(t, table.stats.Running)
}

func TestRuling11_IdenticalRequestsShareOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, release := New(Hooks{}), make(chan struct{})
		first := call(t.Context(), table, stage("a"), blocked(release, "one"))
		synctest.Wait()
		second := call(t.Context(), table, stage("a"), answer("two"))
		synctest.Wait()
		close(release)
		assert.Equal(t, outcome{"one", nil}, <-first)
		assert.Equal(t, outcome{"one", nil}, <-second)
		assert.Equal(t, uint64(1), table.Stats().Started)
		assert.Equal(t, uint64(1), table.Stats().Joined)
		requireEmpty(t, table)
	})
}

func TestRuling11_WaiterIsToldTheHolderBeforeItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, release := New(Hooks{}), make(chan struct{})
		holder := call(t.Context(), table, stage("a"), blocked(release, "one"))
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		before := time.Now()
		other := stage("a")
		other.Identity = ""
		got := <-call(ctx, table, other, answer("two"))
		assert.Equal(t, 10*time.Second-500*time.Millisecond, time.Since(before))
		require.ErrorIs(t, got.err, ErrBusy)
		var busy *BusyError
		require.ErrorAs(t, got.err, &busy)
		assert.False(t, busy.Self)
		assert.Equal(t, "operation pending: NodeStageVolume a waits for NodeStageVolume a, which request r1 started 1m10s ago; try again", got.err.Error())
		close(release)
		assert.NoError(t, (<-holder).err)
		requireEmpty(t, table)
	})
}

func TestRuling11_CallerOfARunningOperationIsToldThatItContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, release := New(Hooks{}), make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := <-call(ctx, table, stage("a"), blocked(release, "one"))
		var busy *BusyError
		require.ErrorAs(t, got.err, &busy)
		assert.True(t, busy.Self)
		assert.Contains(t, got.err.Error(), "NodeStageVolume a is still running since 750ms")

		retry := call(t.Context(), table, stage("a"), answer("two"))
		synctest.Wait()
		close(release)
		assert.Equal(t, outcome{"one", nil}, <-retry, "the work of the first RPC is not repeated")
		requireEmpty(t, table)
	})
}

func TestMargin(t *testing.T) {
	assert.Equal(t, 500*time.Millisecond, Margin(2*time.Minute))
	assert.Equal(t, 25*time.Millisecond, Margin(100*time.Millisecond))
}

func TestRuling8_WaitEndsWhenTheLastCallerLeavesAndTheOperationGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Hooks{})
		ctx, cancel := context.WithCancel(t.Context())
		var contexts Contexts
		release := make(chan struct{})
		first := call(ctx, table, stage("a"), func(c Contexts) (string, error) {
			contexts = c
			<-release
			return "one", nil
		})
		synctest.Wait()
		second := call(t.Context(), table, stage("a"), answer("two"))
		synctest.Wait()
		cancel()
		require.ErrorIs(t, (<-first).err, context.Canceled)
		require.NoError(t, contexts.Wait.Err(), "one caller is still there")
		close(release)
		assert.NoError(t, (<-second).err)

		ctx, cancel = context.WithCancel(t.Context())
		release = make(chan struct{})
		third := call(ctx, table, stage("a"), func(c Contexts) (string, error) {
			contexts = c
			<-release
			return "three", nil
		})
		synctest.Wait()
		cancel()
		<-third
		synctest.Wait()
		require.Error(t, contexts.Wait.Err())
		require.NoError(t, contexts.Op.Err())
		assert.Len(t, table.Snapshot(), 1)
		close(release)
		synctest.Wait()
		requireEmpty(t, table)
	})
}

func TestRuling8_FailureOfAnAbandonedOperationIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Hooks{})
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		first := call(ctx, table, stage("a"), func(c Contexts) (string, error) {
			<-c.Wait.Done()
			<-release
			return "", errors.New("the device did not come in time")
		})
		synctest.Wait()
		cancel()
		<-first
		late := call(t.Context(), table, stage("a"), answer("two"))
		synctest.Wait()
		close(release)
		assert.Equal(t, outcome{"two", nil}, <-late)
		requireEmpty(t, table)
	})
}

func TestRuling8_TimeoutEndsTheContextButHoldsTheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, release := New(Hooks{}), make(chan struct{})
		op := stage("a")
		op.Timeout = time.Minute
		first := call(t.Context(), table, op, func(c Contexts) (string, error) {
			<-c.Op.Done()
			<-release
			return "", errors.New("killed")
		})
		time.Sleep(2 * time.Minute)
		next := call(t.Context(), table, unstage("a"), answer("two"))
		synctest.Wait()
		assert.Len(t, table.Snapshot(), 2, "the key is still held")
		close(release)
		err := (<-first).err
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Contains(t, err.Error(), "killed (NodeStageVolume a took longer than 1m0s)")
		assert.Equal(t, outcome{"two", nil}, <-next)
		requireEmpty(t, table)
	})
}

func TestOperationOfLeftCallersNeverStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, release := New(Hooks{}), make(chan struct{})
		holder := call(t.Context(), table, stage("a"), blocked(release, "one"))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		op := stage("a")
		op.Identity = "other"
		waiting := call(ctx, table, op, func(Contexts) (string, error) { t.Error("it must not run"); return "", nil })
		synctest.Wait()
		behind := op
		behind.Identity = "behind"
		last := call(t.Context(), table, behind, answer("last"))
		synctest.Wait()
		cancel()
		require.ErrorIs(t, (<-waiting).err, context.Canceled)
		close(release)
		<-holder
		assert.Equal(t, outcome{"last", nil}, <-last)
		requireEmpty(t, table)
	})
}

func TestPanicReleasesTheKeysAndIsReported(t *testing.T) {
	var stack []byte
	table := New(Hooks{Panic: func(_ context.Context, i Info, p any, s []byte) {
		assert.Equal(t, "boom", p)
		assert.Equal(t, "a", i.ID)
		stack = s
	}})
	_, err := Do(t.Context(), table, stage("a"), func(Contexts) (string, error) { panic("boom") })
	require.ErrorContains(t, err, "panic in NodeStageVolume a: boom")
	assert.Contains(t, string(stack), "do_test.go")
	requireEmpty(t, table)
}

func TestResultOfAnotherTypeIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, release := New(Hooks{}), make(chan struct{})
		first := call(t.Context(), table, stage("a"), blocked(release, "one"))
		synctest.Wait()
		go func() { synctest.Wait(); close(release) }()
		_, err := Do(t.Context(), table, stage("a"), func(Contexts) (int, error) { return 1, nil })
		assert.ErrorContains(t, err, "whose result is a string, not a int")
		<-first
	})
}

func TestEndedContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Do(ctx, New(Hooks{}), stage("a"), func(Contexts) (string, error) { panic("it must not run") })
	require.ErrorIs(t, err, context.Canceled)
}
