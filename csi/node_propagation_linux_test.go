package csi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// TestR8_KubeletDirectoryThatIsNotShared: a warning, once, that says what to
// do, and no failure.
func TestR8_KubeletDirectoryThatIsNotShared(t *testing.T) {
	looptest.NeedRoot(t)
	for name, test := range map[string]struct {
		propagation uintptr
		warnings    int
	}{
		"private": {unix.MS_PRIVATE, 1},
		"shared":  {unix.MS_SHARED, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := looptest.Dir(t)
			require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
			t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
			require.NoError(t, unix.Mount("", dir, "", test.propagation, ""))
			backend := &loopFake{dir: dir}
			n := startNode(t, backend, dir, csi.Options{})
			log := new(strings.Builder)
			n.stop()
			n.log = log
			n.start()
			for _, id := range []string{"v", "w"} { // neither has an image
				_, err := n.NodeStageVolume(t.Context(), n.stageRequest(id, func(r *csipb.NodeStageVolumeRequest) {
					r.StagingTargetPath = n.path("plugins/kubernetes.io/csi/driver/" + id)
				}))
				require.Error(t, err)
			}
			n.stop()
			n.stop = func() {}
			require.Equal(t, test.warnings, strings.Count(log.String(), "mountPropagation: Bidirectional"), log)
		})
	}
}
