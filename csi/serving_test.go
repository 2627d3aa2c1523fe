package csi_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/internal/speccheck"
)

// A served driver is one behind real gRPC. Every response and every status is
// checked against the specification.
type served struct {
	*testing.T
	fake   *fake
	driver *csi.Driver
	groups csipb.GroupControllerClient
	csipb.ControllerClient
	csipb.IdentityClient
	csipb.NodeClient
}

func serve(t *testing.T, f *fake, opts *csi.Options) *served {
	t.Helper()
	return serveBackend(t, f, f, opts)
}

// serveBackend serves a backend that is made of f.
func serveBackend(t *testing.T, f *fake, backend csi.Locator, opts *csi.Options) *served {
	t.Helper()
	if opts == nil {
		opts = &csi.Options{}
	}
	opts.StateDir = t.TempDir()
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	d, err := csi.New("fake.csi.example.com", backend, opts)
	require.NoError(t, err)
	server := grpc.NewServer()
	d.Register(server)
	listener := bufconn.Listen(1 << 16)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(checked(t)))
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, conn.Close())
		server.Stop()
		assert.NoError(t, <-done)
	})
	return &served{t, f, d, csipb.NewGroupControllerClient(conn), csipb.NewControllerClient(conn), csipb.NewIdentityClient(conn), csipb.NewNodeClient(conn)}
}

// checked fails the test when an answer breaks the specification.
func checked(t testing.TB) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if err != nil {
			assert.NoError(t, speccheck.Status(err), method)
		} else {
			assert.NoError(t, speccheck.Response(req.(proto.Message), reply.(proto.Message)), method)
		}
		return err
	}
}

// ctx is the context of one RPC.
func (s *served) ctx() context.Context {
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	s.Cleanup(cancel)
	return ctx
}

// joined waits until n RPCs wait for operations.
func (s *served) joined(n int) {
	s.Helper()
	require.Eventually(s, func() bool {
		callers := 0
		for _, o := range s.driver.Operations() {
			callers += o.Callers
		}
		return callers == n
	}, wait, tick)
}

// create makes a volume and expects it to work.
func (s *served) create(r *csipb.CreateVolumeRequest) *csipb.Volume {
	s.Helper()
	resp, err := s.CreateVolume(s.ctx(), r)
	require.NoError(s, err)
	return resp.GetVolume()
}

// cut makes a snapshot and expects it to work.
func (s *served) cut(name, volume string) *csipb.Snapshot {
	s.Helper()
	resp, err := s.CreateSnapshot(s.ctx(), &csipb.CreateSnapshotRequest{Name: name, SourceVolumeId: volume})
	require.NoError(s, err)
	return resp.GetSnapshot()
}

// change changes the fake under its lock.
func (s *served) change(f func(*fake)) {
	s.fake.mu.Lock()
	defer s.fake.mu.Unlock()
	f(s.fake)
}

// code expects an error of the code, whose message holds all of the texts.
func code(t require.TestingT, want codes.Code, err error, texts ...string) {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
	require.Equal(t, want.String(), status.Code(err).String(), "%v", err)
	for _, text := range texts {
		require.ErrorContains(t, err, text)
	}
}

// A request of one volume named name, of one MiB, edited.
func create(name string, edits ...func(*csipb.CreateVolumeRequest)) *csipb.CreateVolumeRequest {
	r := &csipb.CreateVolumeRequest{
		Name:               name,
		CapacityRange:      &csipb.CapacityRange{RequiredBytes: mebi},
		VolumeCapabilities: []*csipb.VolumeCapability{mounted(csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER)},
	}
	for _, edit := range edits {
		edit(r)
	}
	return r
}

func sized(required, limit int64) func(*csipb.CreateVolumeRequest) {
	return func(r *csipb.CreateVolumeRequest) {
		r.CapacityRange = &csipb.CapacityRange{RequiredBytes: required, LimitBytes: limit}
	}
}

func fromSnapshot(id string) func(*csipb.CreateVolumeRequest) {
	return func(r *csipb.CreateVolumeRequest) {
		r.VolumeContentSource = &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Snapshot{
			Snapshot: &csipb.VolumeContentSource_SnapshotSource{SnapshotId: id}}}
	}
}

func fromVolume(id string) func(*csipb.CreateVolumeRequest) {
	return func(r *csipb.CreateVolumeRequest) {
		r.VolumeContentSource = &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Volume{
			Volume: &csipb.VolumeContentSource_VolumeSource{VolumeId: id}}}
	}
}

func inZones(zones ...string) func(*csipb.CreateVolumeRequest) {
	return func(r *csipb.CreateVolumeRequest) {
		r.AccessibilityRequirements = &csipb.TopologyRequirement{Requisite: topologies(zones...)}
	}
}

func topologies(zones ...string) []*csipb.Topology {
	var out []*csipb.Topology
	for _, z := range zones {
		out = append(out, &csipb.Topology{Segments: map[string]string{"zone": z}})
	}
	return out
}

func mounted(mode csipb.VolumeCapability_AccessMode_Mode) *csipb.VolumeCapability {
	return &csipb.VolumeCapability{
		AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{}},
		AccessMode: &csipb.VolumeCapability_AccessMode{Mode: mode},
	}
}

func raw(mode csipb.VolumeCapability_AccessMode_Mode) *csipb.VolumeCapability {
	return &csipb.VolumeCapability{
		AccessType: &csipb.VolumeCapability_Block{Block: &csipb.VolumeCapability_BlockVolume{}},
		AccessMode: &csipb.VolumeCapability_AccessMode{Mode: mode},
	}
}

const (
	oneWriter  = csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER
	anyWriters = csipb.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER
)

// How long and how often tests look for a state.
const (
	wait = 10 * time.Second
	tick = time.Millisecond
)
