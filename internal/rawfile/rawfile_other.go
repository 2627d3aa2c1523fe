//go:build !unix

package rawfile

import "os"

// Open is [os.OpenFile].
func Open(path string, flags int, perm os.FileMode) (*os.File, error) {
	return os.OpenFile(path, flags, perm)
}

// Read is [os.ReadFile].
func Read(path string) ([]byte, error) { return os.ReadFile(path) }
