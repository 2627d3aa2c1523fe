package csi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func get(t *testing.T, d *Driver, url string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	d.StatusHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))
	body, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	return w.Code, string(body)
}

func TestHealthz(t *testing.T) {
	for want, c := range map[string]struct {
		code int
		err  error
	}{
		"ok\n":     {http.StatusOK, nil},
		"starting": {http.StatusOK, ErrPending},
		"in use":   {http.StatusServiceUnavailable, ErrInUse},
	} {
		d, _ := newCoreDriver(t, &coreBackend{probe: func(context.Context) error { return c.err }}, nil)
		code, body := get(t, d, "/healthz")
		assert.Equal(t, c.code, code)
		assert.Contains(t, body, want)
	}
}

// Two creates of one name: the first runs, the second waits for its key.
func TestDebugOperationsShowsWhoHoldsWhat(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	d, _ := newCoreDriver(t, &coreBackend{create: func(_ context.Context, s VolumeSpec) (*Volume, error) {
		if s.Parameters["n"] == "1" {
			close(entered)
			<-release
		}
		return &Volume{ID: s.Name}, nil
	}}, nil)
	client := csipb.NewControllerClient(dialCore(t, d))
	done := make(chan struct{}, 2)
	for _, n := range []string{"1", "2"} {
		r := createRequest("pvc-1")
		r.Parameters = map[string]string{"n": n}
		go func() {
			_, _ = client.CreateVolume(context.Background(), r)
			done <- struct{}{}
		}()
		if n == "1" {
			<-entered
		}
	}
	require.Eventually(t, func() bool { return d.OperationStats().Waiting == 1 }, 10*time.Second, time.Millisecond)
	_, text := get(t, d, "/debug/operations")
	assert.Regexp(t, `(?m)^running +\S+ +CreateVolume +pvc-1 +1 +\S+-1 +volume named "pvc-1"$`, text)
	assert.Regexp(t, `(?m)^waiting +\S+ +CreateVolume +pvc-1 +1 +\S+-2 +volume named "pvc-1"$`, text)
	_, text = get(t, d, "/debug/operations?format=json")
	var page struct {
		Operations []Operation
		Stats      OperationStats
	}
	require.NoError(t, json.Unmarshal([]byte(text), &page))
	require.Len(t, page.Operations, 2)
	assert.Equal(t, "CreateVolume", page.Operations[0].RPC)
	assert.True(t, page.Operations[1].Waiting)
	assert.Equal(t, 1, page.Stats.Running)
	close(release)
	<-done
	<-done
	_, text = get(t, d, "/debug/operations")
	assert.Regexp(t, `^0 running, 0 waiting; since the start: 2 run, 0 joined, 1 waited \S+ in all\n$`, text)
}
