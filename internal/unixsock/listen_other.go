//go:build !linux

package unixsock

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// lockDirectory checks that the directory is there. Only Linux has nodes.
func lockDirectory(path string) (unlock func(), err error) {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return func() {}, nil
}

func listenUnix(ctx context.Context, path string, mode fs.FileMode) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode.Perm()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
