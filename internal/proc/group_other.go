//go:build !unix

package proc

import (
	"os"
	"os/exec"
)

// ownGroup leaves cmd alone: only the child itself is killed.
func ownGroup(*exec.Cmd) {}

func signalName(*os.ProcessState) string { return "" }
