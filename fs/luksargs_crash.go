//go:build csikit_crash

package fs

import "os"

// A process that is to be killed derives its keys quickly, since the crash tier
// makes a header for every crash point, and a virtual machine is slow at it.
func init() {
	if os.Getenv("CSIKIT_CRASH_AT") != "" {
		keyDerivation = []string{"--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}
	}
}
