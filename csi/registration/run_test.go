package registration

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	kubelet "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const driver = "test.csi.example.com"

// A plugin is one process that registers.
type plugin struct {
	o    Options
	stop func() error
}

func kubeletDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kubelet") // short: a socket's address has room for 107 bytes
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Mkdir(filepath.Join(dir, "plugins_registry"), 0o700))
	return dir
}

func start(t *testing.T, dir string) *plugin {
	t.Helper()
	o := Options{Driver: driver, Endpoint: filepath.Join(dir, "plugins", driver, "csi.sock"), Socket: Socket(dir, driver),
		Retry: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
	before := inode(o.Socket)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, o) }()
	var once bool
	p := &plugin{o: o, stop: func() error {
		if once {
			return nil
		}
		once = true
		cancel()
		return <-done
	}}
	t.Cleanup(func() { assert.NoError(t, p.stop()) })
	require.Eventually(t, func() bool { return renewed(o.Socket, before) }, 10*time.Second, time.Millisecond)
	return p
}

func inode(path string) os.FileInfo {
	info, err := os.Lstat(path)
	if err != nil {
		return nil
	}
	return info
}

// renewed is what the kubelet's watcher sees: another socket under the name.
func renewed(path string, before os.FileInfo) bool {
	now := inode(path)
	return now != nil && (before == nil || !os.SameFile(now, before))
}

// ask is the kubelet: it dials, asks who it is and tells its verdict.
func ask(t *testing.T, path, refusal string) *kubelet.PluginInfo {
	t.Helper()
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	client := kubelet.NewRegistrationClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	info, err := client.GetInfo(ctx, &kubelet.InfoRequest{})
	require.NoError(t, err)
	_, err = client.NotifyRegistrationStatus(ctx, &kubelet.RegistrationStatus{PluginRegistered: refusal == "", Error: refusal})
	require.NoError(t, err)
	return info
}

func TestTheKubeletIsToldWhoAndWhere(t *testing.T) {
	p := start(t, kubeletDir(t))
	info := ask(t, p.o.Socket, "")
	assert.Equal(t, "CSIPlugin", info.GetType())
	assert.Equal(t, driver, info.GetName())
	assert.Equal(t, p.o.Endpoint, info.GetEndpoint())
	assert.Equal(t, []string{"1.0.0"}, info.GetSupportedVersions(), "whatever the driver's own version is")
}

func TestThereIsOneSocketAndHiddenOnesAreGone(t *testing.T) {
	p := start(t, kubeletDir(t))
	names, err := filepath.Glob(filepath.Join(filepath.Dir(p.o.Socket), "*"))
	require.NoError(t, err)
	hidden, err := filepath.Glob(filepath.Join(filepath.Dir(p.o.Socket), ".*"))
	require.NoError(t, err)
	assert.Equal(t, []string{p.o.Socket}, append(names, hidden...))
}

func TestARefusalMakesTheSocketAnewUntilTheKubeletAccepts(t *testing.T) {
	p := start(t, kubeletDir(t))
	var pauses []time.Duration
	for range 3 {
		before, since := inode(p.o.Socket), time.Now()
		ask(t, p.o.Socket, "NodeGetInfo failed")
		require.Eventually(t, func() bool { return renewed(p.o.Socket, before) }, 10*time.Second, time.Millisecond)
		pauses = append(pauses, time.Since(since))
	}
	assert.GreaterOrEqual(t, pauses[1], 2*p.o.Retry)
	assert.GreaterOrEqual(t, pauses[2], 4*p.o.Retry)

	accepted := inode(p.o.Socket)
	ask(t, p.o.Socket, "")
	for end := time.Now().Add(10 * p.o.Retry); time.Now().Before(end); {
		require.False(t, renewed(p.o.Socket, accepted), "it is registered")
	}
	since := time.Now()
	ask(t, p.o.Socket, "the kubelet has restarted and NodeGetInfo failed")
	require.Eventually(t, func() bool { return renewed(p.o.Socket, accepted) }, 10*time.Second, time.Millisecond)
	assert.Less(t, time.Since(since), 8*p.o.Retry, "the pause begins anew")
}

func TestALateAcceptanceCancelsTheRetry(t *testing.T) {
	p := start(t, kubeletDir(t))
	before := inode(p.o.Socket)
	ask(t, p.o.Socket, "not yet")
	ask(t, p.o.Socket, "")
	for end := time.Now().Add(5 * p.o.Retry); time.Now().Before(end); {
		require.False(t, renewed(p.o.Socket, before))
	}
}

func TestALostSocketIsMadeAgain(t *testing.T) {
	p := start(t, kubeletDir(t))
	require.NoError(t, os.Remove(p.o.Socket))
	require.Eventually(t, func() bool { return inode(p.o.Socket) != nil }, 10*time.Second, time.Millisecond)
	assert.Equal(t, driver, ask(t, p.o.Socket, "").GetName())
}

func TestTheSocketGoesAtTheEndIfItIsOurs(t *testing.T) {
	p := start(t, kubeletDir(t))
	require.NoError(t, p.stop())
	require.NoFileExists(t, p.o.Socket)
}

func TestAProcessThatEndsLateLeavesTheNewOnesSocket(t *testing.T) {
	dir := kubeletDir(t)
	old := start(t, dir)
	fresh := start(t, dir)
	of := inode(fresh.o.Socket)
	require.NoError(t, old.stop())
	require.False(t, renewed(fresh.o.Socket, of), "nothing was unlinked or renamed")
	assert.Equal(t, driver, ask(t, fresh.o.Socket, "").GetName())
}

func TestARestartOfTheKubeletNeedsNothing(t *testing.T) {
	p := start(t, kubeletDir(t))
	before := inode(p.o.Socket)
	for range 3 {
		ask(t, p.o.Socket, "")
	}
	assert.False(t, renewed(p.o.Socket, before))
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{Endpoint: "/csi.sock", Socket: "/reg.sock"},
		{Driver: driver, Endpoint: "unix:///csi.sock", Socket: "/reg.sock"},
		{Driver: driver, Endpoint: "/csi.sock"},
	} {
		require.ErrorContains(t, Run(t.Context(), o), "want a driver and absolute paths")
	}
	err := Run(t.Context(), Options{Driver: driver, Endpoint: "/csi.sock", Socket: filepath.Join(t.TempDir(), "no", "x.sock")})
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.True(t, strings.HasPrefix(err.Error(), "registering with the kubelet"))
}
