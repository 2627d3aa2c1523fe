package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/doctor"
)

// errFound ends the command with exit code 1.
var errFound = errors.New("something must be mended, see above")

// examine runs the checks. Its flags are the driver's own; without any, in a
// container whose first process is the driver, they are those of that process,
// so that `kubectl exec POD -- /driver doctor` looks at what really runs.
func examine(ctx context.Context, p Program, line commandLine, stdout, stderr io.Writer) error {
	args := line.args
	if len(args) == 0 {
		args = runningArgs()
	}
	s := newSettings(p)
	s.command = "doctor"
	if err := s.parse(args, line.environ); err != nil {
		return err
	}
	if s.help {
		s.usage(stdout)
		return nil
	}
	if s.endpoint == "" {
		s.endpoint = "unix:///csi.sock" // not served at
	}
	if err := s.complete(); err != nil {
		return err
	}
	s.logLevel = max(s.logLevel, slog.LevelWarn)
	log := s.logger(stderr)
	d, closer, err := s.driver(ctx, s.config(log))
	if err != nil {
		return err
	}
	defer closer()
	report := doctor.Examine(ctx, doctor.Target{
		Driver: d, Node: s.services() != csi.ControllerService,
		StateDir: cmp.Or(s.stateDir, csi.DefaultStateDir(p.Name)), KubeletDir: s.kubeletDir,
	})
	if err := report.Write(stdout); err != nil {
		return err
	}
	if report.Failed() {
		return errFound
	}
	return nil
}

// runningArgs are the flags of process 1 if it is this very program.
func runningArgs() []string {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return nil
	}
	first, err := os.Stat("/proc/1/exe")
	if err != nil || !os.SameFile(self, first) {
		return nil
	}
	line, err := os.ReadFile("/proc/1/cmdline")
	if err != nil {
		return nil
	}
	words := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
	return words[1:]
}
