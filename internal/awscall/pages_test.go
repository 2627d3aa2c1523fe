package awscall

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// book is a paginator of pages of words; a nil page cannot be read.
type book [][]string

func (b *book) HasMorePages() bool { return len(*b) > 0 }

func (b *book) NextPage(context.Context, ...func(*struct{})) (*[]string, error) {
	page := (*b)[0]
	*b = (*b)[1:]
	if page == nil {
		return nil, errors.New("torn")
	}
	return &page, nil
}

func lengths(b book) (map[string]int, error) {
	list := Pages(context.Background(), &b, func(page *[]string) []string { return *page })
	return Collect(list, func(m map[string]int, word string) { m[word] = len(word) })
}

func TestPages_AllOrAnError(t *testing.T) {
	got, err := lengths(book{{"a", "bb"}, {}, {"ccc"}})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"a": 1, "bb": 2, "ccc": 3}, got)

	got, err = lengths(book{{"a"}, nil, {"b"}})
	require.ErrorContains(t, err, "torn")
	require.Nil(t, got, "a part of the answer would look like all")
}

func TestPages_NoMoreThanIsAskedFor(t *testing.T) {
	b := book{{"a", "b"}, {"c"}}
	for word := range Pages(t.Context(), &b, func(page *[]string) []string { return *page }) {
		require.Equal(t, "a", word)
		break
	}
	require.Len(t, b, 1)
}

func TestConvert_LeavesOutWhatIsNothing(t *testing.T) {
	b := book{{"a", "", "ccc"}, nil}
	var seen []int
	var last error
	for n, err := range Convert(Pages(t.Context(), &b, func(page *[]string) []string { return *page }), func(word *string) *int {
		if *word == "" {
			return nil
		}
		n := len(*word)
		return &n
	}) {
		if last = err; err == nil {
			seen = append(seen, *n)
		}
	}
	require.Equal(t, []int{1, 3}, seen)
	require.ErrorContains(t, last, "torn")
}

func TestByKey(t *testing.T) {
	b := book{{"a1", "b1"}, {"a2"}}
	got, err := ByKey(Pages(t.Context(), &b, func(page *[]string) []string { return *page }), func(word string) *string {
		initial := word[:1]
		return &initial
	})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "a2", "b": "b1"}, got)
}
