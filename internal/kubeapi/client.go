package kubeapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
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

// A StatusError is an answer that refuses a request.
type StatusError struct {
	Code   int // of HTTP
	Status string
	Method string
	Path   string
}

// Error implements error.
func (e *StatusError) Error() string {
	hint := ""
	if e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden {
		hint = " (may the service account do that?)"
	}
	return fmt.Sprintf("the API server answers %s to %s %s%s", e.Status, e.Method, e.Path, hint)
}

// Get reads the object at a path, such as /api/v1/nodes/worker-1, into the fields
// that object has. An answer other than 200 is a [StatusError].
func (c Client) Get(ctx context.Context, path string, object any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.do(ctx, http.MethodGet, path, nil, func(body io.Reader) error { return json.NewDecoder(body).Decode(object) })
}

// An Operation is one of a JSON patch (RFC 6902).
type Operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

// Patch changes the object at a path, all operations or none. If a "test" among
// them fails, the [StatusError] has the code 422.
func (c Client) Patch(ctx context.Context, path string, operations []Operation) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(operations)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPatch, path, body, func(body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})
}

// do makes a request and reads its answer.
func (c Client) do(ctx context.Context, method, path string, body []byte, read func(io.Reader) error) error {
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
	r, err := http.NewRequestWithContext(ctx, method, "https://"+c.Host+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/json-patch+json")
	}
	response, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		bare, _, _ := strings.Cut(path, "?")
		return &StatusError{Code: response.StatusCode, Status: response.Status, Method: method, Path: bare}
	}
	return read(response.Body)
}
