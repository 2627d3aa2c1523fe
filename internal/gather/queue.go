package gather

import (
	"context"
	"sync"
)

// A Queue runs jobs, those of one key one after the other. What is asked for
// while a job of its key runs goes together in the next one. All methods may be
// called from any goroutine.
type Queue[Job any] struct {
	run   func(key string, take func() *Job)
	group *sync.WaitGroup

	mu   sync.Mutex
	next map[string]*pending[Job] // not taken; present and nil: one runs
}

type pending[Job any] struct {
	job  Job
	done chan struct{}
}

// NewQueue makes a queue. For each job run is called in a goroutine of group.
// It must call take once, which closes the job to those who come later, and
// returns when the job is done.
func NewQueue[Job any](group *sync.WaitGroup, run func(key string, take func() *Job)) *Queue[Job] {
	return &Queue[Job]{run: run, group: group, next: map[string]*pending[Job]{}}
}

// Do adds to the next job of the key and returns that when it is done; who reads
// it must not change it. If ctx ends before, the error is its cause, and the job
// goes on.
func (q *Queue[Job]) Do(ctx context.Context, key string, add func(*Job)) (*Job, error) {
	q.mu.Lock()
	p, running := q.next[key]
	if p == nil {
		p = &pending[Job]{done: make(chan struct{})}
		q.next[key] = p
	}
	add(&p.job)
	if !running {
		q.group.Go(func() { q.runAll(key) })
	}
	q.mu.Unlock()
	select {
	case <-p.done:
		return &p.job, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (q *Queue[Job]) runAll(key string) {
	for {
		var p *pending[Job]
		q.run(key, func() *Job {
			q.mu.Lock()
			defer q.mu.Unlock()
			p, q.next[key] = q.next[key], nil
			return &p.job
		})
		close(p.done)
		q.mu.Lock()
		last := q.next[key] == nil
		if last {
			delete(q.next, key)
		}
		q.mu.Unlock()
		if last {
			return
		}
	}
}
