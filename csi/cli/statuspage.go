package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/metrics"
)

// A statusPage is the optional HTTP address for people and monitors: /metrics,
// /healthz and /debug/operations.
type statusPage struct {
	address string // "" serves none
	metrics *metrics.Metrics
}

func newStatusPage(address string) *statusPage {
	return &statusPage{address: address, metrics: metrics.New()}
}

// observe adds to opts what counts RPCs.
func (p *statusPage) observe(opts *csi.Options) {
	if p.address != "" {
		p.metrics.Observe(opts)
	}
}

// beside runs serve and, if there is an address, the page beside it until
// serve returns: it can be asked while the driver is stopping. If the page
// fails, so does the driver, and a supervisor restarts both.
func (p *statusPage) beside(ctx context.Context, d *csi.Driver, log *slog.Logger, serve func(context.Context) error) error {
	if p.address == "" {
		return serve(ctx)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", p.address)
	if err != nil {
		return misconfigured{fmt.Errorf("cannot listen at --http-address=%s: %w", p.address, err)}
	}
	server := &http.Server{
		Handler:           p.handler(d),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer server.Close()
		return serve(ctx)
	})
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving --http-address=%s: %w", p.address, err)
		}
		return nil
	})
	return group.Wait()
}

func (p *statusPage) handler(d *csi.Driver) http.Handler {
	p.metrics.Watch(d)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", p.metrics.Handler())
	mux.Handle("/", d.StatusHandler())
	return mux
}
