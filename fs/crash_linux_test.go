//go:build csikit_crash

package fs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/looptest"
)

// TestR9_CrashBeforeEveryStep kills the process before each step of a format,
// and formats again in another process. Run it with -tags csikit_crash.
func TestR9_CrashBeforeEveryStep(t *testing.T) {
	if path := os.Getenv("CSIKIT_TEST_CRASH"); path != "" {
		d, err := Open(path)
		require.NoError(t, err)
		f := Format{Type: os.Getenv("CSIKIT_TEST_TYPE"), UUID: os.Getenv("CSIKIT_TEST_UUID")}
		require.NoError(t, d.Format(t.Context(), f))
		return
	}
	looptest.NeedRoot(t)
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		for at := 1; ; at++ {
			d, _ := newDevice(t, least[kind])
			f := unique(kind)
			cmd := exec.Command(os.Args[0], "-test.run=^TestR9_CrashBeforeEveryStep$")
			cmd.Env = append(os.Environ(), "CSIKIT_TEST_CRASH="+d.name, "CSIKIT_TEST_TYPE="+kind, "CSIKIT_TEST_UUID="+f.UUID,
				fmt.Sprint("CSIKIT_CRASH_AT=", at), "CSIKIT_CRASH_TRACE=1")
			out, err := cmd.CombinedOutput()
			lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
			what := outcome(t, d, f)
			t.Logf("%s: %s: left it %s", kind, lines[len(lines)-1], what)
			repeat(t, d, f, what)
			if err == nil {
				require.Greater(t, at, 2)
				break
			}
		}
	}
}
