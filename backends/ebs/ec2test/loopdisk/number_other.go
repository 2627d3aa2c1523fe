//go:build !linux

package loopdisk

import "os"

// number is empty: only Linux has loop devices.
func number(os.FileInfo) string { return "" }
