package csi

import (
	"io/fs"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"github.com/csikit/csikit/mount"
)

// Services says which services a driver process serves.
type Services int8

// The values of [Options.Services].
const (
	// AllServices serves the controller and the node.
	AllServices Services = iota
	// ControllerService serves only the controller.
	ControllerService
	// NodeService serves only the node.
	NodeService
)

// Options are what an operator may choose. The zero value of every field is a
// sane default, and a nil *Options is the zero Options.
type Options struct {
	// Version is the driver's version as GetPluginInfo tells it.
	Version string
	// NodeID is the node's id for drivers without a [NodeDescriber]. "" is
	// the host name.
	NodeID string
	// DefaultFSType is the file system of volumes whose class names none;
	// "" is ext4.
	DefaultFSType string
	// StateDir is where the node keeps what it knows about staged volumes.
	// It must survive a restart of the plugin and must not be below the
	// kubelet's staging paths. "" is /var/lib/csikit/NAME-OF-THE-DRIVER.
	// Processes of one driver on one node, such as the old and the new one
	// of an update, must have the same: by the file lock in it, which stays,
	// they keep off each other's volumes.
	StateDir string
	// Services is what this process serves.
	Services Services
	// OperationTimeout bounds an operation that outlives its RPC; 0 is 15
	// minutes.
	OperationTimeout time.Duration
	// ShutdownTimeout is how long a stop waits for running operations before
	// it cancels them; 0 is 25 seconds. A stop takes up to three seconds
	// more, which fits into the 30 seconds that Kubernetes gives a pod.
	ShutdownTimeout time.Duration
	// SocketMode is the permissions of the unix socket; 0 is 0600.
	SocketMode fs.FileMode
	// Disable names optional interfaces that are not to be used, such as
	// "Snapshotter".
	Disable []string
	// FormatStatic allows volumes made by hand to be formatted when they
	// are proven empty.
	FormatStatic bool
	// Logger gets one line per RPC; nil is [slog.Default].
	Logger *slog.Logger
	// ServerOptions are added to the server that Run makes: interceptors of
	// metrics and tracing.
	ServerOptions []grpc.ServerOption
	// Observer is told of operations, for metrics and tracing.
	Observer OperationObserver
	// Mounts replaces the kernel's mount table, for tests without root; nil is
	// a [mount.Kernel].
	Mounts mount.Table
}

func (o *Options) withDefaults(name string) Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.DefaultFSType == "" {
		out.DefaultFSType = "ext4"
	}
	if out.StateDir == "" {
		out.StateDir = DefaultStateDir(name)
	}
	if out.OperationTimeout == 0 {
		out.OperationTimeout = 15 * time.Minute
	}
	if out.ShutdownTimeout == 0 {
		out.ShutdownTimeout = 25 * time.Second
	}
	if out.SocketMode == 0 {
		out.SocketMode = 0o600
	}
	if out.Logger == nil {
		out.Logger = slog.Default()
	}
	if out.Mounts == nil {
		out.Mounts = &mount.Kernel{Logger: out.Logger}
	}
	return out
}

// DefaultStateDir is Options.StateDir of the driver of that name if none is
// given.
func DefaultStateDir(name string) string { return "/var/lib/csikit/" + name }
