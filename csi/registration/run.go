package registration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	kubelet "k8s.io/kubelet/pkg/apis/pluginregistration/v1"

	"github.com/csikit/csikit/internal/unixsock"
)

// Options say who registers, and where.
type Options struct {
	// Driver is the CSI name of the driver. Required.
	Driver string
	// Endpoint is the path of the driver's CSI socket as the kubelet sees it.
	// Required.
	Endpoint string
	// Socket is where to be found: a path in the kubelet's directory
	// plugins_registry, see [Socket]. Required.
	Socket string
	// Retry is the pause after the kubelet has refused the driver for the first
	// time; it doubles up to a minute. 0 is a second.
	Retry time.Duration
	// Registered is called each time that the kubelet has registered the driver;
	// may be nil. It must not block.
	Registered func()
	// Logger is told what the kubelet says; nil is [slog.Default].
	Logger *slog.Logger
}

// Socket is the usual path of a driver's registration socket below the kubelet's
// directory, which is usually /var/lib/kubelet.
func Socket(kubeletDir, driver string) string {
	return filepath.Join(kubeletDir, "plugins_registry", driver+"-reg.sock")
}

// slowest is the longest pause between two registrations.
const slowest = time.Minute

// Run registers the driver with the kubelet of this node and keeps it registered
// until ctx ends. Call it when the driver accepts connections at its endpoint,
// since the kubelet asks there at once. It returns nil when ctx ends; an error
// means that the socket could not be made or served.
func Run(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	socket, err := unixsock.Listen(ctx, unixsock.Options{Path: o.Socket, Mode: 0o600, Logger: o.Logger})
	if err != nil {
		return fmt.Errorf("registering with the kubelet: %w", err)
	}
	server := grpc.NewServer()
	r := &registrar{o: o, answers: make(chan answer)}
	kubelet.RegisterRegistrationServer(server, r)
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	o.Logger.Info("registering with the kubelet", "socket", o.Socket, "endpoint", o.Endpoint)
	err = r.follow(ctx, socket, served)
	err = errors.Join(err, socket.Remove())
	server.Stop()
	return err
}

// check also fills in what is not given.
func (o *Options) check() error {
	if o.Driver == "" || !filepath.IsAbs(o.Endpoint) || !filepath.IsAbs(o.Socket) {
		return fmt.Errorf("registering with the kubelet: want a driver and absolute paths of two sockets, and got driver %q, endpoint %q, socket %q", o.Driver, o.Endpoint, o.Socket)
	}
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	if o.Registered == nil {
		o.Registered = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return nil
}

// follow acts on the kubelet's answers until ctx ends.
func (r *registrar) follow(ctx context.Context, socket *unixsock.Listener, served <-chan error) error {
	pause := r.o.Retry
	again := time.NewTimer(0)
	defer again.Stop()
	<-again.C
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			return fmt.Errorf("serving the kubelet at %s: %w", r.o.Socket, err)
		case a := <-r.answers:
			if a.registered {
				r.o.Logger.Info("the kubelet has registered the driver")
				r.o.Registered()
				pause = r.o.Retry
				again.Stop()
				continue
			}
			r.o.Logger.Error("the kubelet refuses the driver; trying again", "said", a.said, "in", pause)
			again.Reset(pause)
			pause = min(2*pause, slowest)
		case <-again.C:
			if err := socket.Remake(ctx); err != nil && ctx.Err() == nil {
				r.o.Logger.Error("the registration socket cannot be made anew", "error", err, "again", pause)
				again.Reset(pause)
			}
		}
	}
}
