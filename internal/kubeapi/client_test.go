package kubeapi

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// server is an API server that knows one token and one object.
func server(t *testing.T) Client {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer rotated":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path != "/api/v1/nodes/worker-1":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte(`{"metadata": {"name": "worker-1"}, "spec": {"unschedulable": true}}`))
		}
	}))
	t.Cleanup(s.Close)
	account := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(account, "ca.crt"), ca, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(account, "token"), []byte("rotated\n"), 0o600))
	return Client{Host: strings.TrimPrefix(s.URL, "https://"), Account: account}
}

type object struct {
	Metadata struct{ Name string }
}

func TestGet_AsTheServiceAccount(t *testing.T) {
	c := server(t)
	var node object
	require.NoError(t, c.Get(t.Context(), "/api/v1/nodes/worker-1", &node))
	require.Equal(t, "worker-1", node.Metadata.Name)

	require.ErrorContains(t, c.Get(t.Context(), "/api/v1/nodes/other", &node), "404")
	require.NoError(t, os.WriteFile(filepath.Join(c.Account, "token"), []byte("old"), 0o600))
	require.ErrorContains(t, c.Get(t.Context(), "/api/v1/nodes/worker-1", &node), "401")
}

// TestGet_OnlyOfTheClustersServer: whoever has another certificate gets no token.
func TestGet_OnlyOfTheClustersServer(t *testing.T) {
	c := server(t)
	require.NoError(t, os.WriteFile(filepath.Join(c.Account, "ca.crt"), nil, 0o600))
	require.ErrorContains(t, c.Get(t.Context(), "/api/v1/nodes/worker-1", &object{}), "certificate")
	require.ErrorIs(t, Client{Account: t.TempDir()}.Get(t.Context(), "/", &object{}), os.ErrNotExist)
}
