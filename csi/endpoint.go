package csi

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// endpointVariable is where the spec wants the endpoint to be given.
const endpointVariable = "CSI_ENDPOINT"

// maxSocketPath is the longest path of a unix socket on Linux, without the
// NUL behind it (unix(7)).
const maxSocketPath = 107

// An endpoint is where to listen: a unix socket's path or a TCP address.
type endpoint struct{ network, address string }

// String is the endpoint as a client would write it.
func (e endpoint) String() string { return e.network + "://" + e.address }

// parseEndpoint understands unix:///path, unix:/path, unix:path, an absolute
// path, and tcp://host:port. If text is empty, the environment decides.
func parseEndpoint(text string) (endpoint, error) {
	if text == "" {
		text = os.Getenv(endpointVariable)
	}
	if text == "" {
		return endpoint{}, fmt.Errorf("csi: no endpoint: give one, or set %s, such as unix:///csi/csi.sock", endpointVariable)
	}
	e, err := splitEndpoint(text)
	if err == nil {
		err = e.check()
	}
	if err != nil {
		return endpoint{}, fmt.Errorf("csi: endpoint %q: %w", text, err)
	}
	return e, nil
}

func splitEndpoint(text string) (endpoint, error) {
	if path, ok := strings.CutPrefix(text, "unix://"); ok {
		if !strings.HasPrefix(path, "/") {
			return endpoint{}, fmt.Errorf("unix:// needs an absolute path: unix:///%s, or unix:%s for a path in the working directory", path, path)
		}
		return endpoint{"unix", path}, nil
	}
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return endpoint{"unix", path}, nil
	}
	if address, ok := strings.CutPrefix(text, "tcp://"); ok {
		return endpoint{"tcp", address}, nil
	}
	if filepath.IsAbs(text) {
		return endpoint{"unix", text}, nil
	}
	return endpoint{}, errors.New("want unix:///path/to/csi.sock, an absolute path, or tcp://host:port")
}

func (e endpoint) check() error {
	if e.network == "tcp" {
		if _, port, err := net.SplitHostPort(e.address); err != nil || port == "" {
			return errors.New("tcp:// needs host:port, such as tcp://127.0.0.1:10000")
		}
		return nil
	}
	switch {
	case !strings.HasSuffix(e.address, ".sock"):
		return errors.New("the path of a unix endpoint must end with .sock (CSI specification, CSI_ENDPOINT)")
	case len(e.address) > maxSocketPath:
		return fmt.Errorf("the path has %d bytes, and a unix socket's can have at most %d: use a shorter directory", len(e.address), maxSocketPath)
	}
	return nil
}
