package csi_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/csitest"
	"github.com/csikit/csikit/mount/mounttest"
)

// TestSanity runs csi-sanity against the reference backend over a unix socket,
// with mounts in memory.
func TestSanity(t *testing.T) {
	dir := t.TempDir()
	// SNAPSHOT_ACCESSIBILITY_CONSTRAINTS is left out: v5.6.0 compares the
	// topology that a driver returns by reflect.DeepEqual, internals of the
	// message included (pkg/sanity/controller.go).
	node := csi.NodeInfo{ID: "node-1", MaxVolumes: 8, Topology: csi.Topology{"csi.example.com/rack": "r1"}}
	storage := csitest.MemoryOptions{Nodes: []csi.NodeInfo{node}}
	traits := csitest.NewMemory(&storage).Traits()
	traits.SnapshotTopology = false
	storage.Traits = &traits
	d, err := csi.New("memory.csi.example.com", csitest.NewMemory(&storage), &csi.Options{
		StateDir: filepath.Join(dir, "state"),
		Mounts:   &mounttest.Table{},
		Logger:   slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	config := sanity.NewTestConfig()
	config.Address = csitest.Start(t, d).Target()
	config.TargetPath = filepath.Join(dir, "target")
	config.StagingPath = filepath.Join(dir, "staging")
	config.TestVolumeSize = 64 * mebi
	config.TestVolumeExpandSize = 128 * mebi
	config.TestVolumeMutableParameters = map[string]string{"tier": "gold"}
	config.TestNodeVolumeAttachLimit = true
	config.IdempotentCount = 3
	config.CheckPath = func(path string) (sanity.PathKind, error) {
		switch info, err := os.Stat(path); {
		case os.IsNotExist(err):
			return sanity.PathIsNotFound, nil
		case err != nil:
			return "", err
		case info.IsDir():
			return sanity.PathIsDir, nil
		}
		return sanity.PathIsFile, nil
	}
	sanity.Test(t, config)
}
