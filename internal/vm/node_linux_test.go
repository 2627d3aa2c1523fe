package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

const (
	mib = 1 << 20

	// patient is a deadline that only a hang misses: the machine may be
	// emulated.
	patient = 3 * time.Minute
)

// disks is a backend whose volumes are the devices that a test says.
type disks struct {
	mu       sync.Mutex
	at       map[string]func() (csi.Device, error)
	released map[string]int
}

func (d *disks) Locate(_ context.Context, v csi.NodeVolume) (csi.Source, error) {
	d.mu.Lock()
	find := d.at[v.ID]
	d.mu.Unlock()
	if find == nil {
		return nil, fmt.Errorf("%w: volume %s is not attached", csi.ErrUnavailable, v.ID)
	}
	device, err := find()
	if err != nil {
		return nil, err
	}
	return device, nil
}

func (d *disks) Release(_ context.Context, v csi.NodeVolume) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.released[v.ID]++
	return nil
}

// GrowDevice has nothing to do: a test grows its devices by itself.
func (*disks) GrowDevice(context.Context, csi.Expansion) error { return nil }

func (*disks) Traits() csi.Traits {
	modes := []csi.AccessMode{csi.SingleNodeWriter, csi.SingleNodeReaderOnly, csi.SingleNodeMultiWriter}
	return csi.Traits{Mount: modes, Block: modes}
}

// place says where a volume is from now on.
func (d *disks) place(id string, device csi.Device) {
	d.find(id, func() (csi.Device, error) { return device, nil })
}

func (d *disks) find(id string, find func() (csi.Device, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at[id] = find
}

// A node is a node plugin behind gRPC, with the kernel's mounts.
type node struct {
	*testing.T
	csipb.NodeClient
	identity csipb.IdentityClient
	*disks
	driver *csi.Driver
	name   string
	dir    string
	log    logbook
}

// logbook keeps what the driver logs, for the test's output and for itself.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
	out  io.Writer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	return l.out.Write(p)
}

func (l *logbook) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

// newNode starts a plugin. Two nodes with one name give a volume the same UUID.
func newNode(t *testing.T, name string) *node {
	t.Helper()
	looptest.NeedRoot(t)
	n := &node{T: t, name: name, dir: looptest.Dir(t), disks: &disks{at: map[string]func() (csi.Device, error){}, released: map[string]int{}}}
	n.log.out = t.Output()
	driver, err := csi.New(name+".vm.csikit.io", n.disks, &csi.Options{
		StateDir: filepath.Join(n.dir, "state"), NodeID: "vm", Logger: slog.New(slog.NewTextHandler(&n.log, nil)),
	})
	require.NoError(t, err)
	n.driver = driver
	server := grpc.NewServer()
	driver.Register(server)
	listener := bufconn.Listen(1 << 16)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:vm", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	require.NoError(t, err)
	n.NodeClient, n.identity = csipb.NewNodeClient(conn), csipb.NewIdentityClient(conn)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		defer cancel()
		assert.NoError(t, conn.Close())
		server.Stop()
		assert.NoError(t, <-done)
		assert.NoError(t, driver.Shutdown(ctx), "no operation may be left when the devices work again")
	})
	return n
}

func (n *node) staging(id string) string {
	path := filepath.Join(n.dir, "staging-"+id)
	if err := os.Mkdir(path, 0o755); !errors.Is(err, os.ErrExist) { // a dead mount there cannot be looked at
		require.NoError(n, err)
	}
	return path
}

func (n *node) target(id string) string { return filepath.Join(n.dir, "target-"+id) }

func capability(fstype string) *csipb.VolumeCapability {
	return &csipb.VolumeCapability{
		AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
		AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{FsType: fstype}},
	}
}

var volumeContext = map[string]string{"csikit.io/origin": "new"}

func (n *node) stage(ctx context.Context, id, fstype string) error {
	_, err := n.NodeStageVolume(ctx, &csipb.NodeStageVolumeRequest{
		VolumeId: id, StagingTargetPath: n.staging(id), VolumeCapability: capability(fstype), VolumeContext: volumeContext,
	})
	return err
}

func (n *node) publish(ctx context.Context, id, fstype string) error {
	_, err := n.NodePublishVolume(ctx, &csipb.NodePublishVolumeRequest{
		VolumeId: id, StagingTargetPath: n.staging(id), TargetPath: n.target(id), VolumeCapability: capability(fstype), VolumeContext: volumeContext,
	})
	return err
}

func rawCapability() *csipb.VolumeCapability {
	c := capability("")
	c.AccessType = &csipb.VolumeCapability_Block{Block: &csipb.VolumeCapability_BlockVolume{}}
	return c
}

func (n *node) stageRaw(ctx context.Context, id string) error {
	_, err := n.NodeStageVolume(ctx, &csipb.NodeStageVolumeRequest{
		VolumeId: id, StagingTargetPath: n.staging(id), VolumeCapability: rawCapability(), VolumeContext: volumeContext,
	})
	return err
}

func (n *node) publishRaw(ctx context.Context, id string) error {
	_, err := n.NodePublishVolume(ctx, &csipb.NodePublishVolumeRequest{
		VolumeId: id, StagingTargetPath: n.staging(id), TargetPath: n.target(id), VolumeCapability: rawCapability(), VolumeContext: volumeContext,
	})
	return err
}

func (n *node) unpublish(ctx context.Context, id string) error {
	_, err := n.NodeUnpublishVolume(ctx, &csipb.NodeUnpublishVolumeRequest{VolumeId: id, TargetPath: n.target(id)})
	return err
}

func (n *node) unstage(ctx context.Context, id string) error {
	_, err := n.NodeUnstageVolume(ctx, &csipb.NodeUnstageVolumeRequest{VolumeId: id, StagingTargetPath: n.staging(id)})
	return err
}

func (n *node) expand(ctx context.Context, id string, size int64) error {
	_, err := n.NodeExpandVolume(ctx, &csipb.NodeExpandVolumeRequest{
		VolumeId: id, VolumePath: n.staging(id), StagingTargetPath: n.staging(id), CapacityRange: &csipb.CapacityRange{RequiredBytes: size},
	})
	return err
}

func (n *node) stats(ctx context.Context, id, path string) (*csipb.VolumeUsage, error) {
	r, err := n.NodeGetVolumeStats(ctx, &csipb.NodeGetVolumeStatsRequest{VolumeId: id, VolumePath: path})
	if err != nil {
		return nil, err
	}
	return r.GetUsage()[0], nil
}

// must runs an RPC that has to succeed.
func (n *node) must(what string, rpc func(context.Context) error) {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), patient)
	defer cancel()
	require.NoError(n, rpc(ctx), what)
}

// refused runs an RPC that has to fail, and returns its code.
func (n *node) refused(what string, rpc func(context.Context) error) codes.Code {
	n.Helper()
	code, _ := n.refusedWith(what, rpc)
	return code
}

// refusedWith is refused, and returns the message, too.
func (n *node) refusedWith(what string, rpc func(context.Context) error) (codes.Code, string) {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), patient)
	defer cancel()
	err := rpc(ctx)
	require.Error(n, err, what)
	require.NotEqual(n, codes.DeadlineExceeded, status.Code(err), "%s must be answered: %v", what, err)
	n.Logf("%s: %v", what, err)
	return status.Code(err), err.Error()
}

// cycle uses a volume that has no fault, as a pod does. It is how a test sees
// that a fault of another volume does not spread (R14).
func (n *node) cycle(id, fstype string) {
	n.Helper()
	n.must("stage "+id, func(ctx context.Context) error { return n.stage(ctx, id, fstype) })
	n.must("publish "+id, func(ctx context.Context) error { return n.publish(ctx, id, fstype) })
	n.save(n.target(id), "cycle")
	n.must("stats "+id, func(ctx context.Context) error { _, err := n.stats(ctx, id, n.target(id)); return err })
	n.must("unpublish "+id, func(ctx context.Context) error { return n.unpublish(ctx, id) })
	n.must("unstage "+id, func(ctx context.Context) error { return n.unstage(ctx, id) })
}

// save writes a file and its directory to the device.
func (n *node) save(dir, text string) {
	n.Helper()
	f, err := os.Create(filepath.Join(dir, "data"))
	require.NoError(n, err)
	_, err = f.WriteString(text)
	require.NoError(n, err)
	require.NoError(n, f.Sync())
	require.NoError(n, f.Close())
	d, err := os.Open(dir)
	require.NoError(n, err)
	require.NoError(n, d.Sync())
	require.NoError(n, d.Close())
}

// saved demands what save wrote.
func (n *node) saved(dir, text string) {
	n.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "data"))
	require.NoError(n, err)
	require.Equal(n, text, string(data))
}
