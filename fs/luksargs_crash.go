//go:build csikit_crash

package fs

import "os"

// The crash tier makes a header for every crash point, and a virtual machine is
// slow at deriving keys: it may ask for less.
func init() {
	if os.Getenv("CSIKIT_CHEAP_KEYS") != "" {
		keyDerivation = []string{"--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}
	}
}
