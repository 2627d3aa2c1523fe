//go:build csikit_crash

package fs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestR9_CrashBeforeEveryStepOfLUKS kills the process before each step of
// making a header, and makes it again in another process. Run it with -tags
// csikit_crash where there is a device mapper.
func TestR9_CrashBeforeEveryStepOfLUKS(t *testing.T) {
	if path := os.Getenv("CSIKIT_TEST_LUKS"); path != "" {
		cheapKeys(t)
		d, err := Open(path)
		require.NoError(t, err)
		require.NoError(t, d.FormatLUKS(t.Context(), LUKS{UUID: os.Getenv("CSIKIT_TEST_UUID")}, secret))
		return
	}
	for at := 1; ; at++ {
		d, _, l := newEncrypted(t, 64<<20)
		cmd := exec.Command(os.Args[0], "-test.run=^TestR9_CrashBeforeEveryStepOfLUKS$")
		cmd.Env = append(os.Environ(), "CSIKIT_TEST_LUKS="+d.name, "CSIKIT_TEST_UUID="+l.UUID, fmt.Sprint("CSIKIT_CRASH_AT=", at), "CSIKIT_CRASH_TRACE=1")
		out, err := cmd.CombinedOutput()
		lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
		t.Logf("%s: left it %s", lines[len(lines)-1], repeatLUKS(t, d, l))
		if err == nil {
			require.Greater(t, at, 6)
			return
		}
	}
}
