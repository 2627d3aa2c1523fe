package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/csikit/csikit/csi"
)

// settings are the flags that every driver has.
type settings struct {
	program Program
	flags   *flag.FlagSet
	groups  []group
	command string // "" when the program serves

	endpoint, mode, httpAddress string
	socketMode                  fs.FileMode
	shutdownTimeout             time.Duration
	nodeID, stateDir            string
	kubeletDir                  string
	nodeName                    string
	removeTaint                 bool
	defaultFSType               string
	formatStatic                bool
	operationTimeout            time.Duration
	disable                     string
	logLevel                    slog.Level
	logFormat                   string
	help, version               bool
}

func newSettings(p Program) *settings {
	s := &settings{program: p, flags: flag.NewFlagSet(p.Name, flag.ContinueOnError)}
	s.flags.SetOutput(io.Discard)
	s.flags.Usage = func() {}
	if p.Flags != nil {
		s.group("This driver", func() { p.Flags(s.flags) })
	}
	s.group("Serving", s.servingFlags)
	s.group("Node", s.nodeFlags)
	s.group("Operations", s.operationFlags)
	s.group("Logging", s.loggingFlags)
	s.group("Other", func() {
		s.flags.BoolVar(&s.help, "help", false, "print this and exit")
		s.flags.BoolVar(&s.version, "version", false, "print the version and exit")
	})
	return s
}

func (s *settings) servingFlags() {
	s.flags.StringVar(&s.endpoint, "endpoint", "", "`address` to serve at: unix:///path/to/csi.sock or tcp://host:port")
	s.flags.Var(newChoice(&s.mode, "all", "controller", "node"), "mode", "`services` of this process: controller, node or all")
	s.flags.StringVar(&s.httpAddress, "http-address", "", "`address` such as :9808 for /metrics, /healthz and /debug/operations; empty serves none")
	s.flags.Func("socket-mode", "`permissions` of a unix socket, octal (default 0600)", s.setSocketMode)
	s.flags.DurationVar(&s.shutdownTimeout, "shutdown-timeout", 25*time.Second, "`time` that running operations get to end after SIGTERM")
}

func (s *settings) setSocketMode(octal string) error {
	mode, err := strconv.ParseUint(octal, 8, 9)
	if err != nil {
		return errors.New("want octal permissions such as 0660")
	}
	s.socketMode = fs.FileMode(mode)
	return nil
}

func (s *settings) nodeFlags() {
	s.flags.StringVar(&s.nodeID, "node-id", "", "`id` of this node; empty is the host name")
	s.flags.StringVar(&s.stateDir, "state-dir", "", "`directory` for what the node knows about staged volumes; empty is /var/lib/csikit/"+s.program.Name)
	s.flags.StringVar(&s.kubeletDir, "kubelet-dir", "", "`directory` of the kubelet to register with, usually /var/lib/kubelet; empty leaves that to a sidecar")
	s.flags.StringVar(&s.nodeName, "node-name", os.Getenv("CSI_NODE_NAME"), "`name` of this node's Node object, for what asks the API server; its default is CSI_NODE_NAME")
	s.flags.BoolVar(&s.removeTaint, "remove-startup-taint", false, "remove the taint "+s.startupTaint()+" from this node when the driver is ready")
	s.flags.StringVar(&s.defaultFSType, "default-fstype", "ext4", "file system `type` of volumes whose class names none: ext4, xfs or btrfs")
	s.flags.BoolVar(&s.formatStatic, "format-static", false, "format volumes that were made by hand, if they are proven empty")
}

func (s *settings) operationFlags() {
	s.flags.DurationVar(&s.operationTimeout, "operation-timeout", 15*time.Minute, "`time` that one operation may take, even after its caller has left")
	s.flags.StringVar(&s.disable, "disable", "", "comma-separated `names` of optional interfaces that the driver must not offer, such as Snapshotter,Cloner")
}

func (s *settings) loggingFlags() {
	s.flags.TextVar(&s.logLevel, "log-level", slog.LevelInfo, "least `level` that is logged: debug, info, warn or error")
	s.flags.Var(newChoice(&s.logFormat, "text", "json"), "log-format", "`format` of the log: text or json")
}

// complete fills in what depends on the machine and checks what no single
// flag can check. [csi.New] checks the rest.
func (s *settings) complete() error {
	if s.endpoint == "" {
		return errors.New("no endpoint: set --endpoint or CSI_ENDPOINT, for example to unix:///csi/csi.sock")
	}
	if s.operationTimeout <= 0 || s.shutdownTimeout <= 0 {
		return errors.New("--operation-timeout and --shutdown-timeout must be more than 0")
	}
	if err := s.checkKubelet(); err != nil {
		return err
	}
	if s.removesTaint() && s.nodeName == "" {
		return errors.New("--remove-startup-taint needs --node-name, the name of this node's Node object")
	}
	if s.nodeID != "" {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("no node id: set --node-id, since the host name cannot be read: %w", err)
	}
	s.nodeID = host
	return nil
}

func (s *settings) services() csi.Services {
	switch s.mode {
	case "controller":
		return csi.ControllerService
	case "node":
		return csi.NodeService
	}
	return csi.AllServices
}

// config translates the flags into what the backend is told.
func (s *settings) config(log *slog.Logger) Config {
	return Config{NodeID: s.nodeID, NodeName: s.nodeName, Services: s.services(), Log: log}
}

// options translates the flags into the framework's options.
func (s *settings) options(version string, log *slog.Logger) *csi.Options {
	return &csi.Options{
		Version:          version,
		NodeID:           s.nodeID,
		DefaultFSType:    s.defaultFSType,
		StateDir:         s.stateDir,
		Services:         s.services(),
		OperationTimeout: s.operationTimeout,
		ShutdownTimeout:  s.shutdownTimeout,
		SocketMode:       s.socketMode,
		Disable:          strings.FieldsFunc(s.disable, func(r rune) bool { return r == ',' || r == ' ' }),
		FormatStatic:     s.formatStatic,
		Logger:           log,
	}
}
