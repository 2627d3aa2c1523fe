package mount

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestR16_MissingContexts(t *testing.T) {
	const labels = "system_u:object_r:container_file_t:s0:c1,c2"
	shown := Info{Options: splitShown(`seclabel,context="` + labels + `",size=64k,fscontext=u:r:t:s0`)}
	for _, c := range []struct {
		option Option
		want   []string
	}{
		{Option{Key: "context", Value: labels}, nil},
		{Option{Key: "context", Value: `"` + labels + `"`}, nil},
		{Option{Key: "fscontext", Value: "u:r:t:s0"}, nil},
		{Option{Key: "noatime"}, nil},
		{Option{Key: "size", Value: "1k"}, nil},
		{Option{Key: "context", Value: "system_u:object_r:container_file_t:s0:c2,c1"}, nil},
		{Option{Key: "context", Value: "system_u:object_r:container_file_t:s0:c1"}, []string{"context=system_u:object_r:container_file_t:s0:c1 (it is " + labels + ")"}},
		{Option{Key: "context", Value: labels + ",c3"}, []string{"context=" + labels + ",c3 (it is " + labels + ")"}},
		{Option{Key: "defcontext", Value: "u:r:t:s0"}, []string{"defcontext=u:r:t:s0"}},
		{Option{Key: "rootcontext", Value: labels}, []string{"rootcontext=" + labels}},
	} {
		require.Equal(t, c.want, shown.MissingContexts([]Option{c.option}), c.option)
	}
	require.Len(t, Info{}.MissingContexts([]Option{{Key: "context", Value: labels}, {Key: "noatime"}}), 1)
}

// The kernel shows a level in its own way: c26,c5, which OpenShift writes, is
// c5,c26 there, and three in a row are a range.
func TestR16_ContextsThatMeanTheSame(t *testing.T) {
	const label = "system_u:object_r:container_file_t:"
	for _, same := range [][]string{
		{"s0:c26,c5", "s0:c5,c26"},
		{"s0:c5,c3,c4", "s0:c3.c5", "s0:c3,c4,c5", "s0:c3.c4,c5"},
		{"s0", "s0-s0"},
		{"s0-s0:c0.c1023", "s0-s0:c0.c511,c512.c1023"},
		{"s0:c1", "s0:c1,c1", "s0:c1-s0:c1"},
		{"SystemLow:secret", "SystemLow:secret"},
	} {
		for _, a := range same {
			for _, b := range same {
				require.True(t, sameContext(label+a, label+b), "%s %s", a, b)
			}
		}
	}
	for _, other := range [][2]string{
		{"s0:c1,c2", "s0:c1"}, {"s0", "s0:c1"}, {"s0:c1", "s1:c1"}, {"s0", "s0-s0:c1"}, {"s0-s1", "s0"}, {"s0:c1.c3", "s0:c1,c3"},
		{"s0:c3.c1", "s0"}, {"s0:c1.c99999999", "s0:c1"}, {"", "s0"}, {"s0:a.b", "s0:a,b"},
	} {
		require.False(t, sameContext(label+other[0], label+other[1]), "%s", other)
		require.False(t, sameContext(label+other[1], label+other[0]), "%s", other)
	}
	require.False(t, sameContext(label+"s0", "system_u:object_r:etc_t:s0"))
	require.False(t, sameContext(label+"s0", "system_u:object_r:container_file_t"))
	require.True(t, sameContext("u:r:t", "u:r:t"))
}
