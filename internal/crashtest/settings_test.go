//go:build linux

package crashtest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A sample is how much of the crash tier to run.
type sample struct {
	time  time.Duration // 0 is no limit
	count int           // 0 is no limit
}

func (s sample) all() bool { return s == sample{} }

// sampleSetting reads CSIKIT_CRASH_SAMPLE: "all", a duration such as 150s, or a
// number of crash points.
func sampleSetting(t *testing.T) sample {
	t.Helper()
	text := os.Getenv("CSIKIT_CRASH_SAMPLE")
	switch text {
	case "":
		return sample{count: 30} // in ordinary tests
	case "all":
		return sample{}
	}
	if n, err := strconv.Atoi(text); err == nil {
		return sample{count: n}
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, `CSIKIT_CRASH_SAMPLE: give "all", a duration such as 150s, or a number of crash points`)
	return sample{time: d}
}

// durationSetting reads a duration from the environment.
func durationSetting(t *testing.T, name string, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, "%s: give a duration such as 60s", name)
	return d
}

// seedSetting reads CSIKIT_SEED, which repeats the choices of an earlier run.
func seedSetting(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("CSIKIT_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "CSIKIT_SEED: give a number")
	}
	t.Logf("CSIKIT_SEED=%d", seed)
	return seed
}
