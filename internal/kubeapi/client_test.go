package kubeapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/kubeapi"
	"github.com/csikit/csikit/internal/kubeapi/apitest"
)

const node = "/api/v1/nodes/worker-1"

type object struct {
	Metadata struct{ Name, ResourceVersion string }
}

func TestGet_AsTheServiceAccount(t *testing.T) {
	s := apitest.New(t)
	s.Put(node, apitest.Object{})
	var o object
	require.NoError(t, s.Client.Get(t.Context(), node, &o))
	require.Equal(t, "worker-1", o.Metadata.Name)

	err := s.Client.Get(t.Context(), "/api/v1/nodes/other", &o)
	var status *kubeapi.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, http.StatusNotFound, status.Code)
	require.NoError(t, os.WriteFile(filepath.Join(s.Client.Account, "token"), []byte("old"), 0o600))
	require.ErrorContains(t, s.Client.Get(t.Context(), node, &o), "401 Unauthorized to GET /api/v1/nodes/worker-1 (may the service account do that?)")
}

// TestGet_OnlyOfTheClustersServer: whoever has another certificate gets no token.
func TestGet_OnlyOfTheClustersServer(t *testing.T) {
	s := apitest.New(t)
	require.NoError(t, os.WriteFile(filepath.Join(s.Client.Account, "ca.crt"), nil, 0o600))
	require.ErrorContains(t, s.Client.Get(t.Context(), node, &object{}), "certificate")
	require.Empty(t, s.Requests())
	require.ErrorIs(t, kubeapi.Client{Account: t.TempDir()}.Get(t.Context(), "/", &object{}), os.ErrNotExist)
}

// TestPatch_IsAllOrNothing: a test that fails keeps the rest from being done.
func TestPatch_IsAllOrNothing(t *testing.T) {
	s := apitest.New(t)
	s.Put(node, apitest.Object{"spec": apitest.Object{"taints": []any{"a", "b"}}})
	remove := func(want string) error {
		return s.Client.Patch(t.Context(), node, []kubeapi.Operation{
			{Op: "test", Path: "/spec/taints/0", Value: json.RawMessage(want)}, {Op: "remove", Path: "/spec/taints/0"},
		})
	}
	var status *kubeapi.StatusError
	require.ErrorAs(t, remove(`"b"`), &status)
	require.Equal(t, http.StatusUnprocessableEntity, status.Code)
	require.NoError(t, remove(`"a"`))
	require.Equal(t, []any{"b"}, s.Taints(node))
}

func TestWatch_FromAVersion(t *testing.T) {
	s := apitest.New(t)
	s.Put(node, apitest.Object{})
	var o object
	require.NoError(t, s.Client.Get(t.Context(), node, &o))
	s.Put(node, apitest.Object{"step": 2})
	s.Put("/api/v1/nodes/other", apitest.Object{})
	s.Delete(node)
	var kinds []string
	require.NoError(t, s.Client.Watch(t.Context(), "/api/v1/nodes", "worker-1", o.Metadata.ResourceVersion, func(kind string, _ json.RawMessage) (bool, error) {
		kinds = append(kinds, kind)
		return kind == kubeapi.Deleted, nil
	}))
	require.Equal(t, []string{kubeapi.Modified, kubeapi.Deleted}, kinds)
}

func TestWatch_BeginsWithWhatIsThere(t *testing.T) {
	s := apitest.New(t)
	s.Put(node, apitest.Object{})
	oops := errors.New("oops")
	err := s.Client.Watch(t.Context(), "/api/v1/nodes", "worker-1", "", func(kind string, text json.RawMessage) (bool, error) {
		var o object
		require.NoError(t, json.Unmarshal(text, &o))
		require.Equal(t, kubeapi.Added+" worker-1", kind+" "+o.Metadata.Name)
		return false, oops
	})
	require.ErrorIs(t, err, oops)
	s.Refuse(func(*http.Request) int { return http.StatusGone })
	require.ErrorContains(t, s.Client.Watch(t.Context(), "/api/v1/nodes", "worker-1", "7", nil), "410")
}

// TestWatch_EndsWithItsContext: while the server has nothing to tell.
func TestWatch_EndsWithItsContext(t *testing.T) {
	s := apitest.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Client.Watch(ctx, "/api/v1/nodes", "worker-1", "", nil), ctx.Err())
}
