//go:build !linux

package mounttest

func rdev(string) uint64 { return 0 }
