package ec2test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// TB is what NewServer needs of a testing.TB.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// NewServer makes a server for a test, that listens on a free port of this
// host (see [Server.URL]) until the test ends.
func NewServer(t TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err == nil {
		_, err = s.Listen("127.0.0.1:0")
	}
	if err != nil {
		t.Fatalf("ec2test: %v", err)
	}
	t.Cleanup(func() {
		s.Close()
		if err := s.Unplug(); err != nil {
			t.Fatalf("ec2test: %v", err)
		}
	})
	return s
}

// Handler serves EC2 at / and IMDS at /latest/ for the first instance, or for
// the one that the URL names as its user: http://worker-1@127.0.0.1:4566. (The
// SDK's client of IMDS drops the path of its endpoint, but not the user.)
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.query)
	mux.Handle("/latest/", s.IMDS(""))
	return mux
}

// Listen serves [Server.Handler] on a TCP address until Close, and returns the
// endpoint for clients.
func (s *Server) Listen(address string) (url string, err error) {
	return s.listen(address, s.Handler())
}

// ListenIMDS serves only IMDS, as the instance sees it at 169.254.169.254, on
// an address of its own.
func (s *Server) ListenIMDS(address, instance string) (url string, err error) {
	return s.listen(address, s.IMDS(instance))
}

// URL is the endpoint of the first Listen.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.urls) == 0 {
		return ""
	}
	return s.urls[0]
}

func (s *Server) listen(address string, handler http.Handler) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("ec2test: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	s.wg.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.o.Logger.Error("ec2test no longer listens", "address", l.Addr(), "error", err)
		}
	})
	s.wg.Go(func() {
		<-s.done.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	})
	url := "http://" + reachable(l.Addr())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.urls = append(s.urls, url)
	return url, nil
}

// reachable is an address at which this host reaches a listener.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return a.String()
}
