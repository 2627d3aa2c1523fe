package page

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func self(s string) string { return s }

func listing(ids ...string) func() ([]string, error) {
	return func() ([]string, error) { return slices.Clone(ids), nil }
}

func TestPage(t *testing.T) {
	all := listing("c", "a", "d", "b", "a")
	for _, test := range []struct {
		name, after string
		max         int
		want        []string
		next        bool
	}{
		{"all, sorted and each once", "", 0, []string{"a", "b", "c", "d"}, false},
		{"first page", "", 2, []string{"a", "b"}, true},
		{"a page that ends with the listing has no next", "b", 2, []string{"c", "d"}, false},
		{"after an entry that is gone", "bb", 1, []string{"c"}, true},
		{"after the last", "d", 0, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p Pager[string]
			r := Request{Max: test.max}
			if test.after != "" {
				r.Token = newToken(test.after)
			}
			entries, next, err := p.Page(r, self, all)
			require.NoError(t, err)
			require.ElementsMatch(t, test.want, entries)
			require.Equal(t, test.next, next != "")
		})
	}
}

func TestPage_BadTokenAsksNobody(t *testing.T) {
	var p Pager[string]
	for _, token := range []string{"x", "invalid-token", "12345678:a", newToken("a") + "b", strings.Repeat("9", 300)} {
		_, _, err := p.Page(Request{Token: token}, self, func() ([]string, error) { panic("asked") })
		require.ErrorIs(t, err, ErrToken, token)
	}
}

func TestPage_LastEntryOfLongIDIsGone(t *testing.T) {
	var p Pager[string]
	long := strings.Repeat("x", MaxToken)
	_, _, err := p.Page(Request{Token: newToken(long)}, self, listing("a"))
	require.ErrorIs(t, err, ErrToken)
}

func TestPage_ListError(t *testing.T) {
	var p Pager[string]
	broken := errors.New("broken")
	_, _, err := p.Page(Request{}, self, func() ([]string, error) { return nil, broken })
	require.ErrorIs(t, err, broken)
}

// TestRuling7_NextPagesAreKept: one listing serves all of its pages; a first
// page, another scope and a private listing ask again.
func TestRuling7_NextPagesAreKept(t *testing.T) {
	asked := 0
	list := func() ([]string, error) { asked++; return []string{"a", "b", "c"}, nil }
	var p Pager[string]
	page := func(r Request) string {
		_, next, err := p.Page(r, self, list)
		require.NoError(t, err)
		return next
	}
	next := page(Request{Max: 1})
	next = page(Request{Max: 1, Token: next})
	require.Equal(t, 1, asked)
	page(Request{Max: 1, Token: next, Scope: "other"})
	require.Equal(t, 2, asked)
	page(Request{Max: 1, Token: next, Private: true})
	require.Equal(t, 3, asked)
	page(Request{Max: 1})
	require.Equal(t, 4, asked)
	require.NotNil(t, p.kept)
	page(Request{Token: next})
	require.Nil(t, p.kept, "the last page drops the listing")
}

// TestPage_Walk: any listing, walked in any page sizes while other entries come
// and go, yields every entry that stays exactly once.
func TestPage_Walk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringN(1, 40, MaxToken)
		stays := rapid.SliceOfNDistinct(id, 0, 20, self).Draw(t, "stays")
		var seen []string
		var p Pager[string]
		for r := (Request{}); ; {
			passing := rapid.SliceOfN(id, 0, 3).Draw(t, "passing")
			r.Max = rapid.IntRange(1, 7).Draw(t, "max")
			r.Private = rapid.Bool().Draw(t, "private")
			entries, next, err := p.Page(r, self, listing(append(passing, stays...)...))
			if errors.Is(err, ErrToken) && len(r.Token) > 64 {
				return // the entry of a long id has gone
			}
			if err != nil || len(entries) > r.Max || len(next) > MaxToken {
				t.Fatalf("page %q %d: %d entries, next %q, %v", r.Token, r.Max, len(entries), next, err)
			}
			seen = append(seen, entries...)
			if r.Token = next; next == "" {
				break
			}
		}
		if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
			t.Fatalf("not ascending: %q", seen)
		}
		for _, s := range stays {
			if !slices.Contains(seen, s) {
				t.Fatalf("%q was left out of %q", s, seen)
			}
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add("")
	f.Add(newToken("volume"))
	f.Add("00000000:")
	f.Fuzz(func(t *testing.T, token string) {
		i, err := position(token, 2, func(i int) string { return fmt.Sprint("v", i) })
		if i < 0 || i > 2 || err != nil && !errors.Is(err, ErrToken) {
			t.Fatal(i, err)
		}
	})
}

func BenchmarkPage_Of100000(b *testing.B) {
	ids := make([]string, 100000)
	for i := range ids {
		ids[i] = fmt.Sprintf("vol-%08x", i*2654435761)
	}
	var p Pager[string]
	for b.Loop() {
		if _, _, err := p.Page(Request{Max: 500}, self, listing(ids...)); err != nil {
			b.Fatal(err)
		}
	}
}
