package csi_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
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
	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

// A nodeFake locates volumes as its find says and remembers what it was asked.
type nodeFake struct {
	mu       sync.Mutex
	find     func(context.Context, csi.NodeVolume) (csi.Source, error) // nil: a share
	release  func(csi.NodeVolume) error
	located  []csi.NodeVolume
	released []csi.NodeVolume
}

func (f *nodeFake) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	f.mu.Lock()
	f.located = append(f.located, v)
	find := f.find
	f.mu.Unlock()
	if find != nil {
		return find(ctx, v)
	}
	return csi.Share{Type: "nfs", Source: "server:/" + v.ID}, nil
}

func (f *nodeFake) Release(_ context.Context, v csi.NodeVolume) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.released = append(f.released, v)
	if f.release != nil {
		return f.release(v)
	}
	return nil
}

// set changes what Locate does.
func (f *nodeFake) set(find func(context.Context, csi.NodeVolume) (csi.Source, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.find = find
}

func (f *nodeFake) counts() (located, released int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.located), len(f.released)
}

// allModes offers every access mode, and raw devices.
func (f *nodeFake) Traits() csi.Traits {
	var all []csi.AccessMode
	for m := csi.SingleNodeWriter; m <= csi.SingleNodeMultiWriter; m++ {
		all = append(all, m)
	}
	return csi.Traits{Mount: all, Block: all}
}

// A nodeUnderTest is a node plugin behind real gRPC with a directory of its
// own, which can be restarted.
type nodeUnderTest struct {
	testing.TB
	csipb.NodeClient
	driver  *csi.Driver
	backend csi.Locator
	opts    csi.Options
	name    string // of the driver; not that of another test, whose file systems may have the same UUIDs
	dir     string
	log     io.Writer
	stop    func()
	quiet   bool // for measuring: no log, no check of the answers
}

// newNode starts a plugin on a mount table in memory.
func newNode(t *testing.T, backend csi.Locator) (*nodeUnderTest, *mounttest.Table) {
	table := &mounttest.Table{}
	return startNode(t, backend, t.TempDir(), csi.Options{Mounts: table}), table
}

func startNode(t testing.TB, backend csi.Locator, dir string, opts csi.Options) *nodeUnderTest {
	t.Helper()
	n := &nodeUnderTest{TB: t, backend: backend, opts: opts, dir: dir, log: t.Output()}
	n.name = "node-" + strings.ToLower(rand.Text()) + ".csi.example.com"
	n.opts.StateDir = filepath.Join(dir, "state")
	n.start()
	t.Cleanup(func() { n.stop() })
	return n
}

// restart replaces the driver by a new one on the same state and mounts.
func (n *nodeUnderTest) restart() {
	n.stop()
	n.start()
}

func (n *nodeUnderTest) start() {
	n.Helper()
	n.opts.Logger = slog.New(slog.NewTextHandler(n.log, nil))
	check := checked(n.TB)
	if n.quiet {
		n.opts.Logger, check = slog.New(slog.DiscardHandler), nil
	}
	d, err := csi.New(n.name, n.backend, &n.opts)
	require.NoError(n, err)
	n.driver = d
	var disconnect func()
	n.NodeClient, disconnect = connected(n, d.Register, check)
	n.stop = func() {
		disconnect()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		assert.NoError(n, d.Shutdown(ctx))
	}
}

// connected puts a node service behind real gRPC.
func connected(t testing.TB, register func(grpc.ServiceRegistrar), check grpc.UnaryClientInterceptor) (client csipb.NodeClient, stop func()) {
	server, listener := grpc.NewServer(), bufconn.Listen(1<<16)
	register(server)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(check))
	require.NoError(t, err)
	return csipb.NewNodeClient(conn), func() {
		assert.NoError(t, conn.Close())
		server.Stop()
		assert.NoError(t, <-done)
	}
}

// callers waits until that many RPCs wait for operations.
func (n *nodeUnderTest) callers(want int) {
	n.Helper()
	require.Eventually(n, func() bool {
		have := 0
		for _, o := range n.driver.Operations() {
			have += o.Callers
		}
		return have == want
	}, 10*time.Second, time.Millisecond)
}

// path returns a path in the test's directory; its parent exists.
func (n *nodeUnderTest) path(name string) string {
	path := filepath.Join(n.dir, "kubelet", name)
	require.NoError(n, os.MkdirAll(filepath.Dir(path), 0o755))
	return path
}

// stagingPath returns the volume's staging path, a directory of the CO's.
func (n *nodeUnderTest) stagingPath(id string) string {
	path := n.path(filepath.Join("staging", strings.ReplaceAll(id, "/", "_")))
	require.NoError(n, os.MkdirAll(path, 0o755))
	return path
}

func mountAccess(mode csi.AccessMode, fstype string, flags ...string) *csipb.VolumeCapability {
	return &csipb.VolumeCapability{
		AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_Mode(mode)},
		AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{FsType: fstype, MountFlags: flags}},
	}
}

func rawAccess(mode csi.AccessMode) *csipb.VolumeCapability {
	return &csipb.VolumeCapability{
		AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_Mode(mode)},
		AccessType: &csipb.VolumeCapability_Block{Block: &csipb.VolumeCapability_BlockVolume{}},
	}
}

func (n *nodeUnderTest) stageRequest(id string, edits ...func(*csipb.NodeStageVolumeRequest)) *csipb.NodeStageVolumeRequest {
	r := &csipb.NodeStageVolumeRequest{
		VolumeId: id, StagingTargetPath: n.stagingPath(id), VolumeCapability: mountAccess(csi.SingleNodeMultiWriter, ""),
		VolumeContext: map[string]string{"csikit.io/origin": "new", "pool": "one"},
	}
	for _, edit := range edits {
		edit(r)
	}
	return r
}

func (n *nodeUnderTest) stage(id string, edits ...func(*csipb.NodeStageVolumeRequest)) error {
	_, err := n.NodeStageVolume(n.Context(), n.stageRequest(id, edits...))
	return err
}

func (n *nodeUnderTest) unstage(id string) error {
	_, err := n.NodeUnstageVolume(n.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: id, StagingTargetPath: n.stagingPath(id)})
	return err
}

func (n *nodeUnderTest) publishRequest(id, target string, edits ...func(*csipb.NodePublishVolumeRequest)) *csipb.NodePublishVolumeRequest {
	r := &csipb.NodePublishVolumeRequest{
		VolumeId: id, StagingTargetPath: n.stagingPath(id), TargetPath: target,
		VolumeCapability: mountAccess(csi.SingleNodeMultiWriter, ""),
		VolumeContext:    map[string]string{"csikit.io/origin": "new", "pool": "one"},
	}
	for _, edit := range edits {
		edit(r)
	}
	return r
}

func (n *nodeUnderTest) publish(id, target string, edits ...func(*csipb.NodePublishVolumeRequest)) error {
	_, err := n.NodePublishVolume(n.Context(), n.publishRequest(id, target, edits...))
	return err
}

func (n *nodeUnderTest) unpublish(id, target string) error {
	_, err := n.NodeUnpublishVolume(n.Context(), &csipb.NodeUnpublishVolumeRequest{VolumeId: id, TargetPath: target})
	return err
}

// want fails the test unless err has the code and its text the words.
func (n *nodeUnderTest) want(code codes.Code, err error, words ...string) {
	n.Helper()
	require.Equal(n, code, status.Code(err), "%v", err)
	for _, w := range words {
		require.ErrorContains(n, err, w)
	}
}

// nothingLeft fails the test if the plugin has kept anything: state files,
// private directories.
func (n *nodeUnderTest) nothingLeft() {
	n.Helper()
	err := filepath.WalkDir(n.opts.StateDir, func(path string, e os.DirEntry, err error) error {
		if err == nil && path != filepath.Join(n.opts.StateDir, "lock") && (!e.IsDir() || filepath.Dir(path) == filepath.Join(n.opts.StateDir, "private")) {
			n.Errorf("left behind: %s", path)
		}
		return nil
	})
	require.NoError(n, err)
}

// mountedAt returns what is mounted at a target, oldest first.
func mountedAt(t *mounttest.Table, target string) (found []mounttest.Entry) {
	for _, e := range t.Mounts() {
		if e.Target == target {
			found = append(found, e)
		}
	}
	return found
}

func optionKeys(options []mount.Option) (keys []string) {
	for _, o := range options {
		keys = append(keys, o.Key)
	}
	slices.Sort(keys)
	return keys
}
