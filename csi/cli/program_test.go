package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/csikit/csikit/csi"
)

// nothing is a backend without a single volume. It notes when it is closed.
type nothing struct{ closed *bool }

func (nothing) Locate(context.Context, csi.NodeVolume) (csi.Source, error) {
	return nil, csi.ErrNotFound
}

func (n nothing) Close() error {
	*n.closed = true
	return nil
}

// output is a log that several goroutines write.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// freeAddress finds a TCP port that nobody listens at.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestADriverServesUntilItIsStopped(t *testing.T) {
	dir, page, closed := t.TempDir(), freeAddress(t), false
	socket := filepath.Join(dir, "csi.sock")
	var config Config
	p := Program{Name: "test.example.com", Version: "v9", Backend: func(_ context.Context, c Config) (csi.Locator, error) {
		config = c
		return nothing{&closed}, nil
	}, Collectors: func(c Config, b csi.Locator) []prometheus.Collector {
		assert.Equal(t, nothing{&closed}, b)
		return []prometheus.Collector{prometheus.NewCounter(prometheus.CounterOpts{Name: "of_" + c.NodeID + "_total", Help: "The driver's own."})}
	}}
	ctx, stop := context.WithCancel(t.Context())
	var log output
	code := make(chan int, 1)
	go func() {
		code <- p.Run(ctx, []string{"--endpoint=unix://" + socket, "--http-address=" + page, "--state-dir=" + dir, "--log-format=json", "--node-id=n1"},
			nil, io.Discard, &log)
	}()

	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	require.NoError(t, err)
	defer conn.Close()
	answer, err := csipb.NewIdentityClient(conn).GetPluginInfo(ctx, &csipb.GetPluginInfoRequest{})
	require.NoError(t, err, log.String())
	assert.Equal(t, "test.example.com", answer.Name)
	assert.Equal(t, "v9", answer.VendorVersion)
	assert.Equal(t, "n1", config.NodeID)

	assert.Contains(t, get(t, "http://"+page+"/metrics"), `grpc_server_handled_total{grpc_code="OK",grpc_method="GetPluginInfo"`)
	assert.Contains(t, get(t, "http://"+page+"/metrics"), "of_n1_total 0")
	assert.Contains(t, get(t, "http://"+page+"/healthz"), "ok")
	assert.Contains(t, get(t, "http://"+page+"/debug/operations"), "running")

	stop()
	select {
	case c := <-code:
		assert.Equal(t, exitOK, c, log.String())
	case <-time.After(30 * time.Second):
		t.Fatal("it does not stop")
	}
	assert.True(t, closed, "the backend is closed")
	_, err = os.Lstat(socket)
	assert.ErrorIs(t, err, os.ErrNotExist, "no socket is left behind")
	assert.Contains(t, log.String(), `"level":"INFO"`)
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, string(body))
	return string(body)
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	serve := []string{"--endpoint=unix://" + filepath.Join(dir, "csi.sock"), "--state-dir=" + dir}
	good := func(context.Context, Config) (csi.Locator, error) { return nothing{new(bool)}, nil }
	for name, c := range map[string]struct {
		backend func(context.Context, Config) (csi.Locator, error)
		args    []string
		code    int
		says    string
	}{
		"help":      {nil, []string{"--help"}, exitOK, "Usage: test.example.com"},
		"version":   {nil, []string{"--version"}, exitOK, "test.example.com v9 (go"},
		"bad flag":  {nil, []string{"--nope"}, exitConfig, "there is no flag --nope"},
		"backend":   {func(context.Context, Config) (csi.Locator, error) { return nil, errors.New("no pool") }, serve, exitConfig, "no pool\nNothing was started"},
		"interface": {good, append(serve, "--disable=Snapshoter"), exitConfig, "Snapshoter"},
		"page":      {good, append(serve, "--http-address="+taken.Addr().String()), exitConfig, "--http-address="},
		"endpoint":  {good, []string{"--endpoint=unix:///no/such/directory/csi.sock", "--state-dir=" + dir}, exitFailed, "/no/such/directory"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Program{Name: "test.example.com", Version: "v9", Backend: c.backend, Flags: func(*flag.FlagSet) {}}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var out strings.Builder
			assert.Equal(t, c.code, p.Run(ctx, c.args, nil, &out, &out), out.String())
			assert.Contains(t, out.String(), c.says)
		})
	}
}
