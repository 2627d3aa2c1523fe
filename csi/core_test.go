package csi

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/csikit/csikit/mount"
)

// coreBackend is what the tests of the core need of a backend: its volumes are
// only names.
type coreBackend struct {
	create func(context.Context, VolumeSpec) (*Volume, error)
	probe  func(context.Context) error
	traits Traits
}

var (
	_ Backend   = (*coreBackend)(nil)
	_ Prober    = (*coreBackend)(nil)
	_ Describer = (*coreBackend)(nil)
)

func (b *coreBackend) CreateVolume(ctx context.Context, spec VolumeSpec) (*Volume, error) {
	if b.create != nil {
		return b.create(ctx, spec)
	}
	return &Volume{ID: spec.Name}, nil
}

func (b *coreBackend) DeleteVolume(context.Context, VolumeRef) error { return nil }

func (b *coreBackend) Volume(_ context.Context, v VolumeRef) (*Volume, error) {
	return &Volume{ID: v.ID}, nil
}

func (b *coreBackend) Locate(context.Context, NodeVolume) (Source, error) {
	return nil, ErrUnavailable
}

func (b *coreBackend) Probe(ctx context.Context) error {
	if b.probe != nil {
		return b.probe(ctx)
	}
	return nil
}

func (b *coreBackend) Traits() Traits { return b.traits }

// noMounts is a mount table that no test of the core comes to.
type noMounts struct{ mount.Table }

// A logBuffer is a log that tests read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newCoreDriver(t *testing.T, b Locator, edit func(*Options)) (*Driver, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	opts := &Options{
		Version: "1.2.3", NodeID: "node-1", StateDir: t.TempDir(), Mounts: noMounts{},
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if edit != nil {
		edit(opts)
	}
	d, err := New("core.csi.example.com", b, opts)
	require.NoError(t, err)
	return d, log
}

// dialCore embeds the driver into a server without any options.
func dialCore(t *testing.T, d *Driver, opts ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(opts...)
	d.Register(server)
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///core",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		require.NoError(t, d.Shutdown(context.Background()))
		server.Stop()
		require.NoError(t, <-done)
	})
	return conn
}

func createRequest(name string) *csipb.CreateVolumeRequest {
	return &csipb.CreateVolumeRequest{
		Name:    name,
		Secrets: map[string]string{"key": "a-very-secret-value"},
		VolumeCapabilities: []*csipb.VolumeCapability{{
			AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
			AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{}},
		}},
	}
}
