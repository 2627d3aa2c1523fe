//go:build !unix

package main

import "syscall"

// ownGroup does nothing here: the demo refuses to run on this system.
func ownGroup() *syscall.SysProcAttr { return nil }
