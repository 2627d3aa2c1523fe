package unixsock

import (
	"context"
	"time"
)

// slowest is how long the watch waits at most before it makes a socket again
// that others take away every time.
const slowest = time.Minute

// keep looks at the socket until ctx ends, and makes it anew when it is lost:
// at once the first time, then at growing intervals, so that two processes
// that want the same path do not fight all the time.
func (l *Listener) keep(ctx context.Context) {
	look := time.NewTicker(l.o.Every)
	defer look.Stop()
	var pause time.Duration
	var since time.Time // when it was last made
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		ours, err := l.ours()
		switch {
		case err != nil:
			l.o.Logger.Warn("the plugin's socket cannot be looked at", "socket", l.o.Path, "error", err)
		case ours && time.Since(since) > 2*pause:
			pause = 0
		case !ours && time.Since(since) >= pause:
			l.restore(ctx)
			since, pause = time.Now(), min(max(2*pause, l.o.Every), slowest)
		}
	}
}

// restore makes a lost socket anew and tells.
func (l *Listener) restore(ctx context.Context) {
	switch err := l.Remake(ctx); {
	case err == nil:
		l.o.Logger.Warn("the plugin's socket was removed or replaced by others; it is there again", "socket", l.o.Path)
	case ctx.Err() == nil:
		l.o.Logger.Error("the plugin's socket was removed or replaced by others, and cannot be made again; clients do not find this process", "socket", l.o.Path, "error", err)
	}
}
