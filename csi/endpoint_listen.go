package csi

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/csikit/csikit/internal/unixsock"
)

// A socket is a listener that can take its file away.
type socket interface {
	net.Listener
	// Remove unlinks the file of a unix socket if it is still ours.
	Remove() error
}

// tcpSocket has no file.
type tcpSocket struct{ net.Listener }

func (tcpSocket) Remove() error { return nil }

// takeover is how long a driver waits for the one before it to leave: a pod
// that was deleted by force is replaced while the old one still stops, and a
// stop takes as long as Options.ShutdownTimeout.
const takeover = 30 * time.Second

// listen opens the endpoint. A unix socket's file that nobody listens at is
// replaced; it appears with its permissions at once, two drivers cannot both
// get it, and it is made again if others remove it.
func (e endpoint) listen(ctx context.Context, mode fs.FileMode, patience time.Duration, log *slog.Logger) (socket, error) {
	if e.network == "tcp" {
		l, err := new(net.ListenConfig).Listen(ctx, e.network, e.address)
		return tcpSocket{l}, err
	}
	l, err := unixsock.Listen(ctx, unixsock.Options{Path: e.address, Mode: mode, Exclusive: true, Patience: patience, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("csi: %w", err)
	}
	return l, nil
}
