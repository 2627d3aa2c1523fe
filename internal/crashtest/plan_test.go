//go:build linux

package crashtest

import (
	"context"
	"fmt"
	"strings"
)

// longest is how many RPCs a sequence has at most.
const longest = 4

// A sequence is a prefix that runs undisturbed and the RPC that is killed at
// each of its steps.
type sequence struct {
	kind   kind
	prefix []op
	last   op
	steps  []string // of an undisturbed last RPC
	// equal is how many sequences it stands for, itself included.
	equal int
}

func (s sequence) String() string {
	var names []string
	for _, o := range append(s.prefix[:len(s.prefix):len(s.prefix)], s.last) {
		names = append(names, o.String())
	}
	return s.kind.name + ": " + strings.Join(names, ", ")
}

// all returns every prefix of n RPCs.
func all(n int) [][]op {
	if n == 0 {
		return [][]op{nil}
	}
	var out [][]op
	for _, shorter := range all(n - 1) {
		for o := range allOps {
			out = append(out, append(shorter[:len(shorter):len(shorter)], o))
		}
	}
	return out
}

// A planner finds out which sequences there are.
type planner struct {
	w     *worker
	prune bool
	// states are the prefixes that were run, by the state that they left.
	states map[string][]op
	// same maps every prefix to the one that stands for it.
	same map[string][]op
	seen map[string]*sequence
	out  []*sequence
}

// plan lists the sequences of a kind of volumes. Each is run once without a
// kill, which counts its steps.
func (w *worker) plan(ctx context.Context, k kind, prune bool) ([]*sequence, error) {
	p := &planner{w: w, prune: prune, states: map[string][]op{}, same: map[string][]op{"[]": nil}, seen: map[string]*sequence{}}
	untouched, err := w.untouched(ctx, k)
	if err != nil {
		return nil, err
	}
	p.states[untouched] = nil
	for n := range longest {
		for _, prefix := range all(n) {
			if err := p.extend(ctx, k, prefix); err != nil {
				return nil, err
			}
		}
	}
	return p.out, nil
}

// extend adds the sequences with this prefix. A prefix of which a part is equal
// to a shorter one is equal to that one with the same rest.
func (p *planner) extend(ctx context.Context, k kind, prefix []op) error {
	stands := prefix
	if n := len(prefix); n > 0 {
		before := p.same[fmt.Sprint(prefix[:n-1])]
		stands = append(before[:len(before):len(before)], prefix[n-1])
	}
	if known, ok := p.same[fmt.Sprint(stands)]; ok && len(stands) > 0 {
		stands = known
	}
	for last := range allOps {
		s, ok := p.seen[fmt.Sprint(stands, last)]
		if !ok {
			s = &sequence{kind: k, prefix: stands, last: last}
			state, err := p.w.baseline(ctx, s)
			if err != nil {
				return fmt.Errorf("%v, undisturbed: %w", s, err)
			}
			p.seen[fmt.Sprint(stands, last)] = s
			p.out = append(p.out, s)
			after := append(stands[:len(stands):len(stands)], last)
			if first, ok := p.states[state]; ok && p.prune {
				p.same[fmt.Sprint(after)] = first
			} else {
				p.states[state] = after
				p.same[fmt.Sprint(after)] = after
			}
		}
		s.equal++
	}
	p.same[fmt.Sprint(prefix)] = stands
	return nil
}
