package kubeapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// timeout bounds one request.
const timeout = 10 * time.Second

// A Client makes requests of one API server. It holds nothing open between them.
type Client struct {
	// Host is the server's host and port.
	Host string
	// Account is the directory of the service account, with the files token,
	// which is read for each request since it is rotated, and ca.crt.
	Account string
}

// InPod is the client of the cluster that this process runs in as a pod.
func InPod() Client {
	return Client{
		Host:    net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")),
		Account: "/var/run/secrets/kubernetes.io/serviceaccount",
	}
}

// Get reads the object at a path, such as /api/v1/nodes/worker-1, into the fields
// that object has. An answer other than 200 is an error with its status.
func (c Client) Get(ctx context.Context, path string, object any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	token, err := os.ReadFile(filepath.Join(c.Account, "token"))
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(filepath.Join(c.Account, "ca.crt"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.Host+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the API server answers %s to GET %s (may the service account do that?)", response.Status, path)
	}
	return json.NewDecoder(response.Body).Decode(object)
}
