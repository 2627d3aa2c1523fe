package csitest

import (
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"
)

var goroutineSerial atomic.Int64

// goroutines watches the goroutines that one function starts, directly or
// not: they inherit its profiling label. Other tests that run at the same
// time do not disturb it.
type goroutines struct{ label string }

func watchGoroutines() *goroutines {
	return &goroutines{fmt.Sprintf("driver-%d", goroutineSerial.Add(1))}
}

func (g *goroutines) run(f func()) {
	pprof.Do(context.Background(), pprof.Labels("csitest", g.label), func(context.Context) { f() })
}

// running returns the stacks of the goroutines that run now.
func (g *goroutines) running() string {
	var all, own strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
	for _, stack := range strings.Split(all.String(), "\n\n") {
		if strings.Contains(stack, `"csitest":"`+g.label+`"`) {
			own.WriteString(stack + "\n\n")
		}
	}
	return own.String()
}

// wait returns nil when no goroutine is left, and an error after timeout. It
// polls, since the runtime does not tell.
func (g *goroutines) wait(timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		left := g.running()
		if left == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the driver left goroutines behind:\n%s", left)
		}
		time.Sleep(pause)
	}
}
