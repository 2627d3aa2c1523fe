package csi

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// A runningDriver is one that Run serves.
type runningDriver struct {
	*grpc.ClientConn
	stop func() // ends Run's context
	done <-chan error
	path string
}

func runCore(t *testing.T, d *Driver) *runningDriver {
	t.Helper()
	path := filepath.Join(shortDir(t), "csi.sock")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, "unix://"+path) }()
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(); cancel() })
	_, err = csipb.NewIdentityClient(conn).GetPluginInfo(t.Context(), &csipb.GetPluginInfoRequest{})
	require.NoError(t, err)
	return &runningDriver{conn, cancel, done, path}
}

func TestRunServesAndLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	d, log := newCoreDriver(t, &coreBackend{}, nil)
	r := runCore(t, d)
	info, err := csipb.NewIdentityClient(r).GetPluginInfo(t.Context(), &csipb.GetPluginInfoRequest{})
	require.NoError(t, err)
	assert.Equal(t, "core.csi.example.com", info.GetName())
	assert.Equal(t, "1.2.3", info.GetVendorVersion())
	r.stop()
	require.NoError(t, <-r.done)
	require.NoFileExists(t, r.path)
	require.NoError(t, r.Close())
	assert.Contains(t, log.String(), "msg=serving driver=core.csi.example.com version=1.2.3")
	assert.Error(t, d.Run(t.Context(), r.path), "a driver runs once")
}

func TestStopFinishesWhatRuns(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	d, _ := newCoreDriver(t, &coreBackend{create: func(context.Context, VolumeSpec) (*Volume, error) {
		close(entered)
		<-release
		return &Volume{ID: "one"}, nil
	}}, nil)
	r := runCore(t, d)
	answer := make(chan error, 1)
	go func() {
		_, err := csipb.NewControllerClient(r).CreateVolume(t.Context(), createRequest("pvc-1"))
		answer <- err
	}()
	<-entered
	r.stop()
	require.Eventually(t, func() bool {
		_, err := csipb.NewControllerClient(r).CreateVolume(t.Context(), createRequest("pvc-2"))
		return status.Code(err) == codes.Unavailable
	}, 5*time.Second, time.Millisecond, "no new work is taken")
	assert.FileExists(t, r.path, "nobody else may start beside it")
	close(release)
	require.NoError(t, <-answer)
	require.NoError(t, <-r.done)
	require.NoFileExists(t, r.path)
}

func TestStopCancelsWhatTakesTooLong(t *testing.T) {
	entered, cause := make(chan struct{}), make(chan error, 1)
	d, _ := newCoreDriver(t, &coreBackend{create: func(ctx context.Context, _ VolumeSpec) (*Volume, error) {
		close(entered)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return nil, errors.New("interrupted")
	}}, func(o *Options) { o.ShutdownTimeout = 10 * time.Millisecond })
	r := runCore(t, d)
	answer := make(chan error, 1)
	go func() {
		_, err := csipb.NewControllerClient(r).CreateVolume(t.Context(), createRequest("pvc-1"))
		answer <- err
	}()
	<-entered
	r.stop()
	require.ErrorIs(t, <-cause, keyop.ErrShutdown)
	assert.Equal(t, codes.Unavailable, status.Code(<-answer), "it may continue in the next process")
	require.NoError(t, <-r.done)
}

func TestStopIsBoundedWhenABackendHangs(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	d, _ := newCoreDriver(t, &coreBackend{create: func(context.Context, VolumeSpec) (*Volume, error) {
		close(entered)
		<-release
		return nil, ErrFailed
	}}, func(o *Options) { o.ShutdownTimeout = 10 * time.Millisecond })
	r := runCore(t, d)
	go func() { _, _ = csipb.NewControllerClient(r).CreateVolume(t.Context(), createRequest("pvc-1")) }()
	<-entered
	before := time.Now()
	r.stop()
	err := <-r.done
	require.ErrorContains(t, err, "operations are still running: CreateVolume pvc-1")
	assert.Less(t, time.Since(before), 3500*time.Millisecond)
	require.NoFileExists(t, r.path)
}

func TestRunReportsWhyItCannotServe(t *testing.T) {
	d, _ := newCoreDriver(t, &coreBackend{}, nil)
	require.ErrorContains(t, d.Run(t.Context(), "nowhere"), "want unix:///path/to/csi.sock")
	dir := shortDir(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "csi.sock"), 0o700))
	require.ErrorContains(t, d.Run(t.Context(), filepath.Join(dir, "csi.sock")), "no socket")
}
