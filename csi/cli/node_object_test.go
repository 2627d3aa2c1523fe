package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	kubelet "k8s.io/kubelet/pkg/apis/pluginregistration/v1"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/kubeapi"
	"github.com/csikit/csikit/internal/kubeapi/apitest"
)

func inCluster(s *apitest.Server) Program {
	return Program{Name: "test.example.com", Version: "v9", api: func() kubeapi.Client { return s.Client },
		Backend: func(context.Context, Config) (csi.Locator, error) { return nothing{new(bool)}, nil }}
}

// The taint goes when the kubelet has registered the driver, and not before.
func TestTheStartupTaintIsRemovedOnceTheDriverIsRegistered(t *testing.T) {
	const node = "/api/v1/nodes/worker-1"
	s := apitest.New(t)
	s.Put(node, apitest.Object{"spec": apitest.Object{"taints": []any{apitest.Object{"key": "test.example.com/agent-not-ready", "effect": "NoExecute"}}}})
	s.Put("/apis/storage.k8s.io/v1/csinodes/worker-1", apitest.Object{"spec": apitest.Object{"drivers": []any{apitest.Object{"name": "test.example.com"}}}})
	dir, err := os.MkdirTemp("", "kubelet")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "plugins_registry"), 0o700))
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	var log output
	go func() {
		code <- inCluster(s).Run(ctx, []string{"--endpoint=unix://" + filepath.Join(dir, "plugins/test.example.com/csi.sock"), "--kubelet-dir=" + dir, "--state-dir=" + dir,
			"--remove-startup-taint", "--node-name=worker-1"}, nil, io.Discard, &log)
	}()
	registry := filepath.Join(dir, "plugins_registry", "test.example.com-reg.sock")
	require.Eventually(t, func() bool { _, err := os.Lstat(registry); return err == nil }, 10*time.Second, time.Millisecond, log.String())
	kube := kubelet.NewRegistrationClient(dial(t, registry))
	_, err = kube.GetInfo(ctx, &kubelet.InfoRequest{}, grpc.WaitForReady(true))
	require.NoError(t, err)
	require.Empty(t, s.Requests(), "CSINode is of an earlier process")
	for range 2 { // again after a restart of the kubelet
		_, err = kube.NotifyRegistrationStatus(ctx, &kubelet.RegistrationStatus{PluginRegistered: true})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return len(s.Taints(node)) == 0 }, 10*time.Second, time.Millisecond, log.String())
	stop()
	require.Equal(t, exitOK, <-code, log.String())
}

// A cluster that refuses everything is no reason for the driver to fail; a
// controller with the same flags leaves nodes alone.
func TestTheStartupTaintNeverFailsTheDriver(t *testing.T) {
	for _, mode := range []string{"node", "controller"} {
		s := apitest.New(t)
		dir := t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		code := make(chan int, 1)
		var log output
		go func() {
			code <- inCluster(s).Run(ctx, []string{"--endpoint=unix://" + filepath.Join(dir, "s.sock"), "--state-dir=" + dir, "--mode=" + mode,
				"--remove-startup-taint", "--node-name=worker-1"}, nil, io.Discard, &log)
		}()
		short, cancel := context.WithTimeout(ctx, 10*time.Second)
		_, err := csipb.NewIdentityClient(dial(t, filepath.Join(dir, "s.sock"))).Probe(short, &csipb.ProbeRequest{})
		cancel()
		require.NoError(t, err, log.String())
		require.Eventually(t, func() bool { return len(s.Requests()) > 0 || mode == "controller" }, 10*time.Second, time.Millisecond, log.String())
		stop()
		require.Equal(t, exitOK, <-code, log.String())
		if mode == "controller" {
			assert.Empty(t, s.Requests())
		}
	}
	var out strings.Builder
	assert.Equal(t, exitConfig, inCluster(nil).Run(t.Context(), []string{"--endpoint=/s", "--state-dir=/tmp", "--remove-startup-taint", "--node-name="}, nil, &out, &out))
	assert.Contains(t, out.String(), "needs --node-name")
}

func TestPreStop(t *testing.T) {
	s := apitest.New(t)
	run := func(args ...string) (int, string) {
		var out strings.Builder
		return inCluster(s).Run(t.Context(), append([]string{"pre-stop"}, args...), []string{"X_CSI_NODE_NAME=worker-1"}, &out, &out), out.String()
	}
	s.Put("/api/v1/nodes/worker-1", apitest.Object{})
	s.Put("/apis/storage.k8s.io/v1/volumeattachments/a", apitest.Object{"spec": apitest.Object{"nodeName": "worker-1", "attacher": "test.example.com",
		"source": apitest.Object{"persistentVolumeName": "pv-1"}}})
	code, out := run()
	require.Equal(t, exitOK, code, out)
	assert.Contains(t, out, "the node is not being drained")

	s.Put("/api/v1/nodes/worker-1", apitest.Object{"spec": apitest.Object{"unschedulable": true}})
	code, out = run("--timeout=1s")
	require.Equal(t, exitFailed, code, "the kubelet tells of a hook that fails, and stops the container")
	assert.Contains(t, out, "still attached: pv-1")
	s.Delete("/apis/storage.k8s.io/v1/volumeattachments/a")
	code, out = run("--timeout=30s")
	require.Equal(t, exitOK, code, out)

	code, out = run("--node-name=")
	require.Equal(t, exitConfig, code)
	assert.Contains(t, out, "set --node-name")
	code, out = run("--help")
	require.Equal(t, exitOK, code)
	assert.Contains(t, out, "--timeout")
}
