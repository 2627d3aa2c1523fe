package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/registration"
)

// socketPath is the path of a unix endpoint, or "".
func (s *settings) socketPath() string {
	path := strings.TrimPrefix(strings.TrimPrefix(s.endpoint, "unix:"), "//")
	if !filepath.IsAbs(path) {
		return ""
	}
	return path
}

// checkKubelet checks what registration needs. The kubelet calls the driver at
// the path that it is told, so the path must be the same in the pod and on the
// node.
func (s *settings) checkKubelet() error {
	switch {
	case s.kubeletDir == "":
		return nil
	case !filepath.IsAbs(s.kubeletDir):
		return fmt.Errorf("--kubelet-dir=%s: want an absolute path, which is usually /var/lib/kubelet", s.kubeletDir)
	case s.services() == csi.ControllerService:
		return fmt.Errorf("--kubelet-dir=%s: the kubelet has no use for a controller; drop it, or set --mode to node or all", s.kubeletDir)
	case s.socketPath() == "":
		return fmt.Errorf("--kubelet-dir=%s: the kubelet needs a unix endpoint that it can reach, and --endpoint is %s; use unix://%s", s.kubeletDir, s.endpoint,
			filepath.Join(s.kubeletDir, "plugins", s.program.Name, "csi.sock"))
	}
	return nil
}

// run serves until ctx ends, registered with the kubelet if that is wanted.
func (s *settings) run(ctx context.Context, d *csi.Driver, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	if s.kubeletDir == "" {
		s.beginTaintRemoval(ctx, group, nil, log)
		group.Go(func() error { return d.Run(ctx, s.endpoint) })
		return group.Wait()
	}
	if err := s.makePluginDir(); err != nil {
		return err
	}
	registered := make(chan struct{})
	s.beginTaintRemoval(ctx, group, registered, log)
	group.Go(func() error { return d.Run(ctx, s.endpoint) })
	group.Go(func() error {
		select {
		case <-d.Listening():
		case <-ctx.Done():
			return nil
		}
		return registration.Run(ctx, registration.Options{
			Driver: d.Name(), Endpoint: s.socketPath(), Socket: registration.Socket(s.kubeletDir, d.Name()), Logger: log,
			Registered: sync.OnceFunc(func() { close(registered) }),
		})
	})
	return group.Wait()
}

// makePluginDir makes the directory of csi.sock if it is in the kubelet's
// directory for it. A volume of its own, mounted below the one of the kubelet's
// directory, would be mounted on the node once more at each start.
func (s *settings) makePluginDir() error {
	dir := filepath.Dir(s.socketPath())
	if filepath.Dir(dir) != filepath.Join(s.kubeletDir, "plugins") {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("the directory of the plugin's socket: %w (is the kubelet's directory %s mounted into the container at the same path?)", err, s.kubeletDir)
	}
	return nil
}
