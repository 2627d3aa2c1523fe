package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is the program's version, from the build if it names none.
func (p Program) version() string {
	if p.Version != "" {
		return p.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// versionLine is what --version prints.
func (p Program) versionLine() string {
	return fmt.Sprintf("%s %s (%s, %s/%s)", p.Name, p.version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
