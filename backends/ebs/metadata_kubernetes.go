package ebs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"
)

// Kubernetes reads the Node object of that name with the pod's service account:
// its providerID and its well-known labels. It is one GET, for which client-go
// would be 20 MB.
func Kubernetes(node string) MetadataSource {
	return kubernetesSource{node: node, account: "/var/run/secrets/kubernetes.io/serviceaccount",
		host: net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))}
}

type kubernetesSource struct{ node, account, host string }

// A nodeObject is what is read of a Node.
type nodeObject struct {
	Metadata struct {
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		ProviderID string `json:"providerID"`
	} `json:"spec"`
}

// Metadata implements [MetadataSource].
func (s kubernetesSource) Metadata(ctx context.Context) (Metadata, error) {
	node, err := s.get(ctx)
	if err != nil {
		return Metadata{}, fmt.Errorf("node %s: %w", s.node, err)
	}
	m := Metadata{Volumes: -1} // aws:///us-east-1a/i-0123456789abcdef0
	if strings.HasPrefix(node.Spec.ProviderID, "aws://") {
		m.InstanceID = path.Base(node.Spec.ProviderID)
	}
	for _, label := range []string{"node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type"} {
		if m.Type == "" {
			m.Type = node.Metadata.Labels[label]
		}
	}
	m.Zone = node.Metadata.Labels[keyKubernetesZone]
	return m, nil
}

func (s kubernetesSource) get(ctx context.Context) (*nodeObject, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	token, err := os.ReadFile(path.Join(s.account, "token")) // it is rotated
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(path.Join(s.account, "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.host+"/api/v1/nodes/"+url.PathEscape(s.node), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the API server answers %s (may the service account get nodes?)", response.Status)
	}
	var node nodeObject
	return &node, json.NewDecoder(response.Body).Decode(&node)
}
