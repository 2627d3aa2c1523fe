package csi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// answerTimeout bounds how long RPCs may take to answer once the operations
// have ended, and again to return once their connections are cut.
const answerTimeout = 500 * time.Millisecond

// Run serves at the endpoint until ctx ends, and then stops: it takes no new
// operations, waits up to Options.ShutdownTimeout for those that run, cancels
// what is left, answers, and removes its socket. That takes at most three
// seconds more than the timeout. It returns nil after an orderly stop; an
// error after one that left operations behind names them.
//
// The endpoint is unix:///path, unix:/path, unix:path, an absolute path or
// tcp://host:port; "" is the environment variable CSI_ENDPOINT. The path of a
// socket must end with .sock, and its directory must exist. A socket that a
// killed process has left is replaced. If another process serves at it, Run
// waits up to 30 seconds for it to leave, and then fails. While the driver
// runs, a socket that others remove is made again.
//
// A driver runs once.
func (d *Driver) Run(ctx context.Context, endpoint string) error {
	e, err := parseEndpoint(endpoint)
	if err != nil {
		return err
	}
	if d.ran.Swap(true) {
		return errors.New("csi: Run was called twice: make another driver with New")
	}
	if err := d.checkPropagation(kubeletRoot); err != nil {
		return fmt.Errorf("csi: %w", err)
	}
	d.openLocks()
	s, err := e.listen(ctx, d.opts.SocketMode, takeover, d.log)
	if err != nil {
		return err
	}
	server := grpc.NewServer(d.opts.ServerOptions...)
	d.Register(server)
	d.log.Info("serving", "driver", d.name, "version", d.opts.Version, "endpoint", e.String())
	_, _ = d.probing() // for the log; Shutdown waits for it
	served := make(chan error, 1)
	go func() { served <- server.Serve(s) }()
	close(d.listening)
	select {
	case <-ctx.Done():
		d.log.Info("stopping", "cause", context.Cause(ctx))
		return d.stop(server, s)
	case err = <-served:
		return errors.Join(fmt.Errorf("csi: serving at %v: %w", e, err), d.stop(server, s))
	}
}

// Listening is closed once [Driver.Run] accepts connections: from then on the
// kubelet may be told of the driver.
func (d *Driver) Listening() <-chan struct{} { return d.listening }

// stop ends the operations first, then the server: meanwhile it still listens,
// so that no other process can take its place.
func (d *Driver) stop(server *grpc.Server, s socket) error {
	ctx, cancel := context.WithTimeout(context.Background(), d.opts.ShutdownTimeout)
	defer cancel()
	err := errors.Join(d.Shutdown(ctx), s.Remove())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		server.GracefulStop()
	}()
	if within(answerTimeout, stopped) {
		return err
	}
	go server.Stop() // cuts the connections; it blocks as long as the one above
	if within(answerTimeout, stopped) {
		return err
	}
	return errors.Join(err, errors.New("csi: an RPC has not returned although its connection was cut: the process must end to be rid of it"))
}

// within reports whether done is closed before timeout.
func within(timeout time.Duration, done <-chan struct{}) bool {
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// Shutdown takes no new operations (they are answered UNAVAILABLE) and waits
// for those that run until ctx ends; then it cancels them and waits two more
// seconds. The error names those that are still running. Only drivers that
// are embedded with [Driver.Register] need it.
func (d *Driver) Shutdown(ctx context.Context) error {
	left := d.operations.Shutdown(ctx)
	d.health.end(ctx)
	err := d.gauge.Close(ctx)
	d.locks.Close()
	if len(left) > 0 {
		err = errors.Join(fmt.Errorf("csi: operations are still running: %s", list(left)), err)
	}
	return err
}

func list(operations []keyop.Info) string {
	var out []string
	for _, o := range operations {
		out = append(out, fmt.Sprintf("%s %s for %v", o.RPC, o.ID, time.Since(o.Started).Round(time.Millisecond)))
	}
	return strings.Join(out, ", ")
}
