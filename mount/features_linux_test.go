package mount

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/looptest"
)

// The way that is used is found out once, by calling the kernel, and said once
// in the log.
func TestFeatures_AreLoggedOnce(t *testing.T) {
	looptest.NeedRoot(t)
	for _, only := range []*Features{nil, {NewMount: true}, {}} {
		var log bytes.Buffer
		k := &Kernel{Only: only, Logger: slog.New(slog.NewTextHandler(&log, nil)), hidden: t.TempDir()}
		for range 3 {
			_, err := k.Find("/")
			require.NoError(t, err)
		}
		require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
		require.Contains(t, log.String(), `"`+k.Features().String()+`"`)
	}
}
