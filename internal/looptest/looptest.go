package looptest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// NeedRoot skips the test with a reason unless it can make loop devices and
// mounts.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root on Linux: makes loop devices and mounts")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skipf("needs loop devices: %v", err)
	}
}

// Dir returns a new directory of the test. At its end the test fails if a mount
// is left below it, or a loop device on a file below it. Whatever the test
// registers with Cleanup after the call runs before that check.
func Dir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { checkLeaks(t, dir) })
	return dir
}

// Image makes a sparse file of size bytes in a new directory of the test, with
// the leak check of [Dir], and returns its path.
func Image(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(Dir(t), "image")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, size))
	return path
}

// Device returns the path of a loop device on a new [Image] of size bytes,
// which reads as zeros. It is detached at the end of the test.
func Device(t testing.TB, size int64) string {
	t.Helper()
	return Attach(t, Image(t, size))
}
