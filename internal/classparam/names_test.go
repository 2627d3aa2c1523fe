package classparam

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
)

type class struct {
	size   int64
	rate   int64
	fast   bool
	kind   string
	until  time.Time
	places []string
	tags   []string
}

var names = Names[class]{
	"size": func(c *class, v string) error { return Number(&c.size, v) },
	"rate": func(c *class, v string) error { return Between(&c.rate, v, 100, 300) },
	"fast": func(c *class, v string) error { return Bool(&c.fast, v) },
	"kind": func(c *class, v string) error { return OneOf(&c.kind, v, "hot", "cold") },
}.With(Names[class]{
	"until":  func(c *class, v string) error { return Time(&c.until, v) },
	"places": func(c *class, v string) error { return List(&c.places, v) },
	"tag_*":  func(c *class, v string) error { c.tags = append(c.tags, v); return nil },
})

func TestRead_InAnyCaseAndInOrder(t *testing.T) {
	var c class
	require.NoError(t, names.Read(&c, map[string]string{
		"SIZE": "7", "rate": "300", "Fast": "TRUE", "kind": "Cold", "until": "2027-01-31T00:00:00Z",
		"places": "a, b,c", "tag_2": "second", "Tag_1": "first",
	}))
	require.Equal(t, class{
		size: 7, rate: 300, fast: true, kind: "cold", until: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
		places: []string{"a", "b", "c"}, tags: []string{"first", "second"},
	}, c)
}

func TestRead_RefusesAndSaysWhatIsRight(t *testing.T) {
	for _, c := range []struct {
		parameters map[string]string
		says       string
	}{
		{map[string]string{"Speed": "1"}, `parameter Speed="1": invalid: there is no such parameter; there are fast, kind, places, rate, size, tag_*, until`},
		{map[string]string{"tag": "1"}, "no such parameter"},
		{map[string]string{"Size": "1", "size": "2"}, "parameters Size and size are the same and differ"},
		{map[string]string{"size": "0"}, "the nearest is 1"},
		{map[string]string{"size": "many"}, "whole number"},
		{map[string]string{"size": "2147483648"}, "the nearest is 2147483647"},
		{map[string]string{"rate": "301"}, "100 to 300; the nearest is 300"},
		{map[string]string{"fast": "yes"}, "true or false"},
		{map[string]string{"kind": "warm"}, "one of [hot cold]"},
		{map[string]string{"until": "tomorrow"}, "2027-01-31T00:00:00Z"},
	} {
		err := names.Read(&class{}, c.parameters)
		require.ErrorIs(t, err, csi.ErrInvalid, "%v", c)
		require.ErrorContains(t, err, c.says)
	}
	require.NoError(t, names.Read(&class{}, map[string]string{"Size": "1", "size": "1"}), "twice the same")
}
