package keyop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRuling9_NegationCancelsAwaitsAndThenRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, killed := New(Hooks{}), make(chan struct{})
		var cause error
		running := call(t.Context(), table, stage("a"), func(c Contexts) (string, error) {
			<-c.Op.Done()
			cause = context.Cause(c.Op)
			<-killed
			return "", errors.New("signal: killed")
		})
		synctest.Wait()
		other := stage("a")
		other.Identity = "other"
		waiting := call(t.Context(), table, other, answer("never"))
		synctest.Wait()
		negation := call(t.Context(), table, unstage("a"), answer("unstaged"))
		got := <-waiting
		require.ErrorIs(t, got.err, ErrCancelled)
		assert.Contains(t, got.err.Error(), "operation cancelled by NodeUnstageVolume (request r2)")
		synctest.Wait()
		assert.Equal(t, "NodeUnstageVolume r2", table.Snapshot()[0].Cancelled)
		assert.True(t, table.Snapshot()[1].Waiting(), "the negation awaits what it has cancelled")

		again := call(t.Context(), table, stage("a"), answer("staged again"))
		synctest.Wait()
		close(killed)
		err := (<-running).err
		require.ErrorIs(t, err, ErrCancelled)
		assert.Contains(t, err.Error(), "signal: killed")
		var by *CancelledError
		require.ErrorAs(t, cause, &by)
		assert.Equal(t, "NodeUnstageVolume", by.RPC)
		assert.Equal(t, outcome{"unstaged", nil}, <-negation)
		assert.Equal(t, outcome{"staged again", nil}, <-again, "it does not join what was cancelled")
		requireEmpty(t, table)
	})
}

func TestRuling9_RepeatedNegationCancelsWhatCameBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, release := New(Hooks{}), make(chan struct{})
		first := call(t.Context(), table, unstage("a"), blocked(release, "unstaged"))
		synctest.Wait()
		between := call(t.Context(), table, stage("a"), answer("staged"))
		synctest.Wait()
		second := call(t.Context(), table, unstage("a"), answer("never"))
		require.ErrorIs(t, (<-between).err, ErrCancelled)
		close(release)
		assert.Equal(t, outcome{"unstaged", nil}, <-first)
		assert.Equal(t, outcome{"unstaged", nil}, <-second)
		requireEmpty(t, table)
	})
}

func TestRuling9_NoneStartsThatIsToBeCancelledItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, release := New(Hooks{}), make(chan struct{})
		op := func(identity string, keys ...Key) Op {
			return Op{RPC: "NodeStageVolume", ID: "a", Keys: keys, Identity: identity, Tags: []string{"stage/a"}}
		}
		holder := call(t.Context(), table, Op{RPC: "hold", Keys: []Key{Exclusive("x")}}, blocked(release, ""))
		synctest.Wait()
		first := call(t.Context(), table, op("1", Exclusive("x"), Exclusive("y")), answer(""))
		synctest.Wait()
		second := call(t.Context(), table, op("2", Exclusive("y")), func(Contexts) (string, error) {
			t.Error("it must not run")
			return "", nil
		})
		synctest.Wait()
		negation := call(t.Context(), table, unstage("a"), answer("unstaged"))
		require.ErrorIs(t, (<-first).err, ErrCancelled)
		require.ErrorIs(t, (<-second).err, ErrCancelled)
		<-negation
		close(release)
		<-holder
		requireEmpty(t, table)
	})
}

func TestShutdownWaitsForWhatRunsAndFailsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, release := New(Hooks{}), make(chan struct{})
		running := call(t.Context(), table, stage("a"), blocked(release, "one"))
		synctest.Wait()
		waiting := call(t.Context(), table, unstage("b"), answer("free"))
		<-waiting
		behind := stage("a")
		behind.Identity = "behind"
		waiting = call(t.Context(), table, behind, answer("never"))
		synctest.Wait()
		left := make(chan []Info)
		go func() { left <- table.Shutdown(t.Context()) }()
		require.ErrorIs(t, (<-waiting).err, ErrShutdown)
		_, err := Do(t.Context(), table, stage("c"), answer("never"))
		require.ErrorIs(t, err, ErrShutdown)
		close(release)
		assert.Equal(t, outcome{"one", nil}, <-running)
		assert.Empty(t, <-left)
		requireEmpty(t, table)
	})
}

func TestShutdownCancelsAfterItsContextAndTellsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, never := New(Hooks{}), make(chan struct{})
		obeys := call(t.Context(), table, stage("a"), blocked(never, ""))
		hangs := call(t.Context(), table, stage("b"), func(Contexts) (string, error) { <-never; return "", nil })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		before := time.Now()
		left := table.Shutdown(ctx)
		assert.Equal(t, 10*time.Second+shutdownGrace, time.Since(before))
		require.Len(t, left, 1)
		assert.Equal(t, "b", left[0].ID)
		require.ErrorIs(t, (<-obeys).err, ErrShutdown)
		close(never)
		<-hangs
	})
}
