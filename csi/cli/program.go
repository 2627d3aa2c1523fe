package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/deploy"
	"github.com/csikit/csikit/internal/kubeapi"
)

// A Program is a driver as an executable.
type Program struct {
	// Name is the driver's CSI name, a domain name such as
	// "local.csi.example.com". Required.
	Name string
	// Version is what --version and GetPluginInfo tell; "" is the version of
	// the main module in the build information.
	Version string
	// Summary says in one line what the driver does.
	Summary string
	// Flags adds the driver's own flags; nil adds none. It is called before
	// the command line is parsed.
	Flags func(*flag.FlagSet)
	// Backend makes the backend after the command line was parsed; required.
	// It dials nothing. Its error is taken as a mistake in the configuration
	// (exit code 2), so it should say which flag to change. If the backend
	// is an [io.Closer] it is closed when the driver has stopped.
	Backend func(context.Context, Config) (csi.Locator, error)
	// Options edits what the flags produced before [csi.New] sees it, to add
	// tracing for example; may be nil.
	Options func(*csi.Options)
	// Collectors makes metrics of the driver's own for --http-address, with the
	// backend that Backend has made; may be nil.
	Collectors func(Config, csi.Locator) []prometheus.Collector
	// Kubernetes is what the command manifests needs to know of the driver and
	// its capabilities do not tell.
	Kubernetes deploy.Hints

	api func() kubeapi.Client // but for tests, that of the pod
}

// apiServer is the client of the cluster.
func (p Program) apiServer() kubeapi.Client {
	if p.api != nil {
		return p.api()
	}
	return kubeapi.InPod()
}

// Config is what the shared flags say, for [Program.Backend].
type Config struct {
	// NodeID is --node-id, or the host name. It is never empty.
	NodeID string
	// NodeName is --node-name, the name of this node's Node object; it may be
	// empty.
	NodeName string
	// Services is --mode.
	Services csi.Services
	// Log is the logger that the driver uses too.
	Log *slog.Logger
	// DescribeOnly says that nothing will be served: the backend is only asked
	// what it can do, perhaps on a machine that is no node. Settings that a
	// description does not need may be missing.
	DescribeOnly bool
}

// The exit codes of a driver.
const (
	exitOK     = 0
	exitFailed = 1
	exitConfig = 2
)

// Main runs p with the process's arguments, environment and signals, and
// exits. It does not return.
func Main(p Program) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // from then on a second signal kills the process
	os.Exit(p.Run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// Run is [Main] for tests and for programs that embed a driver: it takes what
// Main takes from the process, serves until ctx ends and returns the exit
// code. environ has the form of [os.Environ]. The log goes to stderr.
//
// Run sets the loggers of klog and of package slog, which are global, because
// mount-utils and other libraries log there.
func (p Program) Run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	if code, ran := p.runCommand(ctx, args, environ, stdout, stderr); ran {
		return code
	}
	set := newSettings(p)
	if err := set.parse(args, environ); err != nil {
		return p.fail(stderr, misconfigured{err})
	}
	switch {
	case set.help:
		set.usage(stdout)
		return exitOK
	case set.version:
		fmt.Fprintln(stdout, p.versionLine())
		return exitOK
	}
	if err := p.serve(ctx, set, set.logger(stderr)); err != nil {
		return p.fail(stderr, err)
	}
	return exitOK
}

// serve checks the rest of the configuration, then serves until ctx ends.
func (p Program) serve(ctx context.Context, set *settings, log *slog.Logger) error {
	if err := set.complete(); err != nil {
		return misconfigured{err}
	}
	backend, err := p.Backend(ctx, set.config(log))
	if err != nil {
		return misconfigured{err}
	}
	if c, ok := backend.(io.Closer); ok {
		defer closeLogged(log, c)
	}
	page := newStatusPage(set.httpAddress)
	opts := set.options(p.version(), log)
	page.observe(opts)
	if p.Collectors != nil {
		page.metrics.Add(p.Collectors(set.config(log), backend)...)
	}
	if p.Options != nil {
		p.Options(opts)
	}
	driver, err := csi.New(p.Name, backend, opts)
	if err != nil {
		return misconfigured{err}
	}
	return page.beside(ctx, driver, log, func(ctx context.Context) error {
		return set.run(ctx, driver, log)
	})
}

// misconfigured marks an error as the operator's to mend.
type misconfigured struct{ error }

func (m misconfigured) Unwrap() error { return m.error }

// fail tells why the program ends and returns the exit code.
func (p Program) fail(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
	if errors.As(err, new(misconfigured)) {
		fmt.Fprintln(stderr, "Nothing was started. All flags and their environment variables: --help")
		return exitConfig
	}
	return exitFailed
}

func closeLogged(log *slog.Logger, c io.Closer) {
	if err := c.Close(); err != nil {
		log.Warn("closing the backend failed", "error", err)
	}
}
