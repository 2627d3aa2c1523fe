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
		{Option{Key: "context", Value: "system_u:object_r:container_file_t:s0:c1"}, []string{"context=system_u:object_r:container_file_t:s0:c1"}},
		{Option{Key: "context", Value: labels + ",c3"}, []string{"context=" + labels + ",c3"}},
		{Option{Key: "defcontext", Value: "u:r:t:s0"}, []string{"defcontext=u:r:t:s0"}},
		{Option{Key: "rootcontext", Value: labels}, []string{"rootcontext=" + labels}},
	} {
		require.Equal(t, c.want, shown.MissingContexts([]Option{c.option}), c.option)
	}
	require.Len(t, Info{}.MissingContexts([]Option{{Key: "context", Value: labels}, {Key: "noatime"}}), 1)
}
