package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/deploy"
)

// manifests is one run of the command: the driver's own flags, and those that
// only the manifests have.
type manifests struct {
	*settings
	config  deploy.Config
	form    string
	into    string
	samples bool
	own     []string // flags that are not the driver's
}

func printManifests(ctx context.Context, p Program, line commandLine, stdout, _ io.Writer) error {
	asked := newManifests(p)
	if err := asked.parse(line.args, nil); err != nil {
		return err
	}
	if asked.help {
		asked.usage(stdout)
		return nil
	}
	m := newManifests(p)
	if err := m.parse(append(slices.Clone(p.Kubernetes.Args), line.args...), nil); err != nil {
		return err
	}
	passed, err := asked.passed()
	if err != nil {
		return err
	}
	m.config.Args, m.config.LogLevel, m.config.KubeletDir = passed, strings.ToLower(m.logLevel.String()), m.kubeletDir
	m.config.RemoveTaint = m.removeTaint
	m.config.DefaultFSType, m.config.Hints = m.defaultFSType, p.Kubernetes
	m.config.Hints.HostPaths = append(slices.Clone(p.Kubernetes.HostPaths), m.paths()...)
	log := slog.New(slog.DiscardHandler)
	driver, closer, err := m.driver(ctx, Config{NodeID: "node", Log: log, DescribeOnly: true})
	if err != nil {
		return err
	}
	defer closer()
	return m.print(driver, stdout)
}

func newManifests(p Program) *manifests {
	m := &manifests{settings: newSettings(p)}
	m.command = "manifests"
	before := map[string]bool{}
	m.flags.VisitAll(func(f *flag.Flag) { before[f.Name] = true })
	m.group("Manifests", m.manifestFlags)
	m.flags.VisitAll(func(f *flag.Flag) {
		if !before[f.Name] {
			m.own = append(m.own, f.Name)
		}
	})
	slices.Reverse(m.groups) // what is particular to the command comes first
	return m
}

func (m *manifests) manifestFlags() {
	c := &m.config
	m.flags.StringVar(&c.Image, "image", m.program.Kubernetes.Image, "`name` of the driver's image, with a tag")
	m.flags.StringVar(&c.Namespace, "namespace", "", "`name` of the namespace; empty is made of the driver's name")
	m.flags.Func("replicas", "`number` of controllers, of which one leads (default 2)", func(text string) error {
		_, err := fmt.Sscanf(text, "%d", &c.Replicas)
		return err
	})
	m.flags.Func("sidecar", "another `version` of a sidecar, as csi-resizer=v2.2.1, or a whole image, as csi-resizer=example.com/r:1", func(text string) error {
		name, version, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("want NAME=VERSION or NAME=IMAGE")
		}
		if c.Sidecars == nil {
			c.Sidecars = map[string]string{}
		}
		c.Sidecars[name] = version
		return nil
	})
	m.flags.BoolVar(&c.GroupSnapshots, "group-snapshots", false, "turn group snapshots on; needs their CRDs, or the sidecar makes no snapshots at all")
	m.flags.DurationVar(&c.DrainTimeout, "drain-timeout", 0, "`time` that the node plugin waits, when its node is drained, until its volumes are detached; 0: it does not wait")
	m.flags.Var(newChoice(&m.form, deploy.Forms...), "form", "`form` of the output: plain, kustomize (a base) or helm (a chart)")
	m.flags.StringVar(&m.into, "into", "", "`directory` to write the files into; empty prints them")
	m.flags.BoolVar(&m.samples, "samples", false, "print samples of classes, claims, pods and snapshots instead")
}

// settled are the flags that the manifests set by themselves.
var settled = []string{"endpoint", "mode", "http-address", "node-id", "node-name", "socket-mode", "state-dir"}

// passed are the driver's flags on the command line: its containers get them.
func (m *manifests) passed() (args []string, err error) {
	m.flags.Visit(func(f *flag.Flag) {
		switch {
		case slices.Contains(settled, f.Name):
			err = fmt.Errorf("--%s cannot be chosen: the manifests set it for each container", f.Name)
		case slices.Contains(m.own, f.Name), f.Name == "kubelet-dir", f.Name == "log-level":
		default:
			args = append(args, "--"+f.Name+"="+f.Value.String())
		}
	})
	return args, err
}

// paths are the directories of the node that flags name.
func (m *manifests) paths() (dirs []string) {
	for _, name := range m.program.Kubernetes.PathFlags {
		if f := m.flags.Lookup(name); f != nil && f.Value.String() != "" {
			dirs = append(dirs, f.Value.String())
		}
	}
	return dirs
}

func (m *manifests) print(d *csi.Driver, stdout io.Writer) error {
	files, err := m.files(d)
	if err != nil {
		return err
	}
	if m.into == "" {
		_, err := io.WriteString(stdout, deploy.Text(files))
		return err
	}
	for name, text := range files {
		path := filepath.Join(m.into, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (m *manifests) files(d *csi.Driver) (map[string]string, error) {
	if !m.samples {
		return deploy.Files(d, m.config, m.form)
	}
	objects, err := deploy.ObjectsOfUsers(d, m.config)
	if err != nil {
		return nil, err
	}
	text, err := deploy.Encode(objects)
	return map[string]string{"samples.yaml": string(text)}, err
}
