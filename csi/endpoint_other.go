//go:build !linux

package csi

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
)

// lockDirectory checks that the directory is there. Only Linux has nodes.
func lockDirectory(dir string) (unlock func(), err error) {
	if _, err := os.Stat(dir); err != nil {
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
