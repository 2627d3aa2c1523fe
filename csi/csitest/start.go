package csitest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// stopTimeout is how long a driver may take to stop before the test fails.
const stopTimeout = 30 * time.Second

// Start serves the driver on a unix socket in a short directory, as in
// production, and returns a connection to it. At the end of the test it stops
// the driver and fails the test if Run returns an error, if the socket stays,
// or if a goroutine that the driver started still runs.
func Start(t testing.TB, d *csi.Driver) *grpc.ClientConn {
	t.Helper()
	return start(t, d).conn
}

// Endpoint is [Start] for clients that dial by themselves: it returns the
// endpoint, unix:///path, once the driver answers.
func Endpoint(t testing.TB, d *csi.Driver) string {
	t.Helper()
	s := start(t, d)
	if _, err := csipb.NewIdentityClient(s.conn).GetPluginInfo(t.Context(), &csipb.GetPluginInfoRequest{}); err != nil {
		t.Fatal(err)
	}
	return s.endpoint
}

func start(t testing.TB, d *csi.Driver) *server {
	t.Helper()
	s, err := serve(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A server is a driver that serves.
type server struct {
	dir, endpoint string
	conn          *grpc.ClientConn
	watch         *goroutines
	cancel        context.CancelFunc
	done          chan error
}

func serve(d *csi.Driver, dial ...grpc.DialOption) (*server, error) {
	dir, err := os.MkdirTemp("", "csi")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{
		dir: dir, endpoint: "unix://" + filepath.Join(dir, "csi.sock"),
		watch: watchGoroutines(), cancel: cancel, done: make(chan error, 1),
	}
	dial = append(dial,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: stopTimeout, Backoff: backoff.Config{BaseDelay: time.Millisecond, Multiplier: 2, MaxDelay: 50 * time.Millisecond}}),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	s.conn, err = grpc.NewClient(s.endpoint, dial...)
	if err != nil {
		cancel()
		return nil, err
	}
	go s.watch.run(func() {
		s.done <- d.Run(ctx, s.endpoint)
		_ = s.conn.Close() // or calls wait for a driver that has ended
	})
	return s, nil
}

// stop ends the driver and says what it left behind.
func (s *server) stop() error {
	_ = s.conn.Close()
	s.cancel()
	defer func() { _ = os.RemoveAll(s.dir) }()
	select {
	case err := <-s.done:
		if err != nil {
			return fmt.Errorf("the driver stopped with an error: %w", err)
		}
	case <-time.After(stopTimeout):
		return fmt.Errorf("the driver has not stopped %v after it was told to:\n%s", stopTimeout, s.watch.running())
	}
	if left, _ := os.ReadDir(s.dir); len(left) > 0 {
		return fmt.Errorf("the driver left %v in the directory of its socket", left)
	}
	return s.watch.wait(5 * time.Second)
}
