package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	kubelet "k8s.io/kubelet/pkg/apis/pluginregistration/v1"

	"github.com/csikit/csikit/csi"
)

func dial(t *testing.T, path string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	return conn
}

// The kubelet finds the registration socket, is told the endpoint, and reaches
// the driver there at once: one container does what three did.
func TestTheDriverRegistersItself(t *testing.T) {
	dir, err := os.MkdirTemp("", "kubelet")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "plugins_registry"), 0o700))
	endpoint := filepath.Join(dir, "plugins", "test.example.com", "csi.sock")
	p := Program{Name: "test.example.com", Version: "v9", Backend: func(context.Context, Config) (csi.Locator, error) { return nothing{new(bool)}, nil }}
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	var log output
	go func() {
		code <- p.Run(ctx, []string{"--endpoint=unix://" + endpoint, "--kubelet-dir=" + dir, "--state-dir=" + dir, "--node-id=n1"}, nil, io.Discard, &log)
	}()
	registry := filepath.Join(dir, "plugins_registry", "test.example.com-reg.sock")
	require.Eventually(t, func() bool { _, err := os.Lstat(registry); return err == nil }, 10*time.Second, time.Millisecond, log.String())

	info, err := kubelet.NewRegistrationClient(dial(t, registry)).GetInfo(ctx, &kubelet.InfoRequest{})
	require.NoError(t, err)
	node, err := csipb.NewNodeClient(dial(t, info.GetEndpoint())).NodeGetInfo(ctx, &csipb.NodeGetInfoRequest{})
	require.NoError(t, err)
	assert.Equal(t, "n1", node.GetNodeId())

	stop()
	require.Equal(t, exitOK, <-code, log.String())
	assert.NoFileExists(t, registry)
	assert.NoFileExists(t, endpoint)
}

func TestRegistrationIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"relative":   {[]string{"--kubelet-dir=kubelet", "--endpoint=/csi.sock"}, "want an absolute path"},
		"tcp":        {[]string{"--kubelet-dir=/k", "--endpoint=tcp://:1"}, "use unix:///k/plugins/d/csi.sock"},
		"controller": {[]string{"--kubelet-dir=/k", "--endpoint=/csi.sock", "--mode=controller"}, "no use for a controller"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSettings(Program{Name: "d"})
			require.NoError(t, s.parse(c.args, nil))
			require.ErrorContains(t, s.complete(), c.says)
		})
	}
}
