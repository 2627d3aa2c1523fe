package ec2node_test

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/internal/ec2node"
	"github.com/csikit/csikit/internal/kubeapi"
)

func TestAttachments_OfInstanceTypes(t *testing.T) {
	for _, c := range []struct {
		name       string
		interfaces int
		want       int64
	}{{"m5.large", 1, 27}, {"m5.large", 0, 27}, {"m5.large", 3, 25}, {"m4.large", 3, 39}, {"c5d.2xlarge", 1, 26}, {"x9.unknown", 2, 26}} {
		require.Equal(t, c.want, ec2node.Attachments(c.name, c.interfaces), "%v", c)
	}
}

// TestAttachments_OfEmulatedTypes: ec2test says of its types what this table says.
func TestAttachments_OfEmulatedTypes(t *testing.T) {
	for _, i := range ec2test.InstanceTypes() {
		require.Equal(t, int64(i.MaxVolumes), ec2node.Attachments(i.Name, 1), i.Name)
		require.Equal(t, i.Shared, ec2node.Attachments(i.Name, 2) < int64(i.MaxVolumes), i.Name)
	}
}

func TestFromIMDS(t *testing.T) {
	s := ec2test.NewServer(t, ec2test.Options{Instances: []ec2test.Instance{{ID: "i-0123456789abcdef0", Interfaces: 2, DataVolumes: 2}}})
	got, err := ec2node.FromIMDS(t.Context(), imds.New(imds.Options{Endpoint: s.URL(), ClientEnableState: imds.ClientEnabled}))
	require.NoError(t, err)
	require.Equal(t, ec2node.Instance{InstanceID: "i-0123456789abcdef0", Type: "m5.large", Zone: "us-east-1a", Interfaces: 2, Volumes: 3}, got)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = ec2node.FromIMDS(ctx, imds.New(imds.Options{Endpoint: s.URL(), ClientEnableState: imds.ClientEnabled}))
	require.ErrorContains(t, err, "hop limit")
}

func TestFromKubernetes(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/nodes/worker-1":
			_, _ = w.Write([]byte(`{"metadata": {"labels": {"node.kubernetes.io/instance-type": "m7i.large", "topology.kubernetes.io/zone": "us-east-1a"}},
				"spec": {"providerID": "aws:///us-east-1a/i-0123456789abcdef0"}}`))
		case "/api/v1/nodes/elsewhere":
			_, _ = w.Write([]byte(`{"spec": {"providerID": "kind://docker/kind/worker"}}`))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	api := kubeapi.Client{Host: strings.TrimPrefix(s.URL, "https://"), Account: t.TempDir()}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(api.Account, "ca.crt"), ca, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(api.Account, "token"), []byte("t"), 0o600))

	got, err := ec2node.FromKubernetes(t.Context(), api, "worker-1")
	require.NoError(t, err)
	require.Equal(t, ec2node.Instance{InstanceID: "i-0123456789abcdef0", Type: "m7i.large", Zone: "us-east-1a", Volumes: -1}, got)
	got, err = ec2node.FromKubernetes(t.Context(), api, "elsewhere")
	require.NoError(t, err)
	require.Empty(t, got.InstanceID, "a node of another cloud is no instance")
	_, err = ec2node.FromKubernetes(t.Context(), api, "other")
	require.ErrorContains(t, err, "node other: ")
}
