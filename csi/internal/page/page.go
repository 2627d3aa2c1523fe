package page

import (
	"cmp"
	"iter"
	"slices"
	"sync"
	"time"
)

// Fresh is how long the rest of a listing is kept for its next pages. A first
// page always asks the backend.
const Fresh = 15 * time.Second

// A Pager pages one kind of listing. It keeps at most one listing, and only
// between its pages. The zero Pager is ready; it may be used concurrently.
type Pager[T any] struct {
	mu    sync.Mutex
	scope string
	kept  []T
	until time.Time
}

// A Request is what a page is asked for with.
type Request struct {
	// Scope tells listings apart that must not be mixed, such as those of
	// two source volumes.
	Scope string
	// Private listings, such as those under somebody's credentials, are
	// not kept.
	Private bool
	// Token is the starting_token; Max is max_entries, 0 for no limit.
	Token string
	Max   int
}

// Page returns one page and the token of the next, "" after the last. id returns
// what entries are sorted by and told apart with; list returns all entries.
// The error is that of list, or wraps [ErrToken].
func (p *Pager[T]) Page(r Request, id func(T) string, list func() ([]T, error)) (entries []T, next string, err error) {
	if _, _, err := parse(r.Token); err != nil {
		return nil, "", err
	}
	all, kept := p.recall(r)
	if !kept {
		if all, err = list(); err != nil {
			return nil, "", err
		}
		all = sorted(all, id)
	}
	first, err := position(r.Token, len(all), func(i int) string { return id(all[i]) })
	if err != nil {
		return nil, "", err
	}
	last := len(all)
	if r.Max > 0 && last-first > r.Max {
		last = first + r.Max
		next = newToken(id(all[last-1]))
	}
	switch {
	case kept && next == "":
		p.keep("", nil)
	case !kept && next != "" && !r.Private:
		p.keep(r.Scope, all)
	}
	return all[first:last:last], next, nil
}

// Collect gathers what a backend yields, up to its first error.
func Collect[T any](list iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for entry, err := range list {
		if err != nil {
			return nil, err
		}
		all = append(all, entry)
	}
	return all, nil
}

// sorted sorts all by id, each id once.
func sorted[T any](all []T, id func(T) string) []T {
	slices.SortFunc(all, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	return slices.CompactFunc(all, func(a, b T) bool { return id(a) == id(b) })
}

// recall returns the listing that a next page is to be cut from.
func (p *Pager[T]) recall(r Request) ([]T, bool) {
	if r.Token == "" || r.Private {
		return nil, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().After(p.until) {
		p.kept = nil
	}
	return p.kept, p.kept != nil && p.scope == r.Scope
}

// keep keeps a listing for its next pages; nil drops what is kept.
func (p *Pager[T]) keep(scope string, all []T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scope, p.kept, p.until = scope, all, time.Now().Add(Fresh)
}
