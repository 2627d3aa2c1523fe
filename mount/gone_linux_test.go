package mount

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Only a share, and only one that its daemon or server has given up, is ever
// detached: a block device's file system may have data to write, and a share
// that is silent may come back.
func TestR7_WhatIsGoneForGood(t *testing.T) {
	for _, c := range []struct {
		fsType string
		dead   error
		gone   bool
	}{
		{"fuse.sshfs", unix.ENOTCONN, true}, {"nfs4", fmt.Errorf("look: %w", unix.ESTALE), true}, {"cifs", unix.ENOTCONN, true},
		{"ext4", unix.ENOTCONN, false}, {"xfs", unix.ESTALE, false}, {"fuseblk", unix.ENOTCONN, false},
		{"xfs", unix.EIO, false}, {"nfs", unix.EIO, false}, {"nfs", ErrNoAnswer, false}, {"fuse", unix.EACCES, false}, {"nfs", nil, false},
	} {
		require.Equal(t, c.gone, isGone(Info{Type: c.fsType, Dead: c.dead}), "%s: %v", c.fsType, c.dead)
	}
}
