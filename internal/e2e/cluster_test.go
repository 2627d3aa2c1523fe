package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// api is the API server, reached by kubectl proxy: kubectl knows how to log in
// at any cluster, and one process for all calls is cheap.
type api struct{ client *http.Client }

var (
	proxyOnce sync.Once
	proxy     *api
	proxyErr  error
	proxyStop = func() {}
)

func TestMain(m *testing.M) {
	code := m.Run()
	proxyStop()
	os.Exit(code)
}

// server returns the API server, or skips the test.
func server(t *testing.T) *api {
	t.Helper()
	if os.Getenv("CSIKIT_E2E") == "" {
		t.Skip("CSIKIT_E2E names no driver that is installed in the cluster of KUBECONFIG; see the package comment")
	}
	proxyOnce.Do(func() { proxy, proxyErr = startProxy() })
	require.NoError(t, proxyErr)
	return proxy
}

func startProxy() (*api, error) {
	dir, err := os.MkdirTemp("", "csikit-e2e")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "api.sock")
	cmd := exec.Command("kubectl", "proxy", "--unix-socket="+socket)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("kubectl: %w", err)
	}
	proxyStop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 32, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	a := &api{&http.Client{Transport: transport, Timeout: time.Minute}}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := a.do(context.Background(), http.MethodGet, "/version", "", nil, nil)
		if err == nil || time.Now().After(end) {
			return a, err
		}
	}
}

// errGone is the API server's answer 404.
var errGone = errors.New("not found")

func (a *api) do(ctx context.Context, method, path, contentType string, body, into any) error {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, in)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	response, err := a.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s %s: %w", method, path, errGone)
	case response.StatusCode >= 300:
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	case into != nil:
		return json.Unmarshal(text, into)
	}
	return nil
}

// get reads an object or a list.
func get[T any](t *testing.T, path string) T {
	t.Helper()
	var out T
	require.NoError(t, server(t).do(t.Context(), http.MethodGet, path, "", nil, &out))
	return out
}

// patch merges fields into an object.
func patch(t *testing.T, path string, fields map[string]any) error {
	t.Helper()
	return server(t).do(t.Context(), http.MethodPatch, path, "application/merge-patch+json", fields, nil)
}

// remove deletes what is at path, if it is there. Seconds are the grace period.
func remove(t *testing.T, path string, seconds int) {
	t.Helper()
	err := server(t).do(context.WithoutCancel(t.Context()), http.MethodDelete, fmt.Sprintf("%s?gracePeriodSeconds=%d", path, seconds), "", nil, nil)
	if !errors.Is(err, errGone) {
		require.NoError(t, err)
	}
}

// until reads what is at path until it is so, and returns it.
func until[T any](t *testing.T, path string, within time.Duration, what string, ok func(T) bool) T {
	t.Helper()
	var out T
	for end := time.Now().Add(within); ; time.Sleep(200 * time.Millisecond) {
		out = *new(T)
		err := server(t).do(t.Context(), http.MethodGet, path, "", nil, &out)
		if err == nil && ok(out) {
			return out
		}
		if time.Now().After(end) {
			text, _ := json.Marshal(out)
			require.FailNowf(t, "not so in time", "%s is not %s after %s (%v):\n%s", path, what, within, err, text)
		}
	}
}

// gone waits until there is nothing at path.
func gone(t *testing.T, path string, within time.Duration) {
	t.Helper()
	var out map[string]any
	for end := time.Now().Add(within); ; time.Sleep(200 * time.Millisecond) {
		err := server(t).do(context.WithoutCancel(t.Context()), http.MethodGet, path, "", nil, &out)
		if errors.Is(err, errGone) {
			return
		}
		if time.Now().After(end) {
			text, _ := json.Marshal(out)
			require.FailNowf(t, "still there", "%s after %s: %s", path, within, text)
		}
	}
}

// kubectl runs a command and returns what it prints.
func kubectl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "kubectl", args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// run runs a command for its output, whatever becomes of it.
func run(ctx context.Context, name string, args ...string) string {
	out, _ := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return string(out)
}
