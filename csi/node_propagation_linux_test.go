package csi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// TestR8_KubeletDirectoryThatIsNotShared: what surely hides the mounts from the
// kubelet is refused, and goes on when it is repaired; what may do so is a
// warning, once, that says what to do.
func TestR8_KubeletDirectoryThatIsNotShared(t *testing.T) {
	looptest.NeedRoot(t)
	for name, test := range map[string]struct {
		volume      string // what is mounted, below the test's directory
		propagation uintptr
		warnings    int
		refused     bool
	}{
		"private volume":         {"kubelet", unix.MS_PRIVATE, 0, true},
		"slave volume":           {"kubelet", unix.MS_SLAVE, 0, true},
		"in a private directory": {"", unix.MS_PRIVATE, 1, false},
		"shared volume":          {"kubelet", unix.MS_SHARED, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := looptest.Dir(t)
			volume := filepath.Join(dir, test.volume)
			require.NoError(t, os.MkdirAll(volume, 0o700))
			require.NoError(t, unix.Mount("tmpfs", volume, "tmpfs", 0, ""))
			t.Cleanup(func() { require.NoError(t, unix.Unmount(volume, unix.MNT_DETACH)) })
			require.NoError(t, unix.Mount("", volume, "", test.propagation, ""))
			backend := &loopFake{dir: dir}
			n := startNode(t, backend, dir, csi.Options{})
			log := new(strings.Builder)
			n.stop()
			n.log = log
			n.start()
			stage := func(id string) error { // none has an image
				path := n.path("plugins/kubernetes.io/csi/driver/" + id)
				require.NoError(t, os.MkdirAll(path, 0o700))
				_, err := n.NodeStageVolume(t.Context(), n.stageRequest(id, func(r *csipb.NodeStageVolumeRequest) { r.StagingTargetPath = path }))
				return err
			}
			for _, id := range []string{"v", "w"} {
				if err := stage(id); test.refused {
					n.want(codes.FailedPrecondition, err, "mountPropagation: Bidirectional")
				} else {
					n.want(codes.Unavailable, err)
				}
			}
			if test.refused {
				err := n.publish("v", n.path("pods/1/mount"), func(r *csipb.NodePublishVolumeRequest) {})
				n.want(codes.FailedPrecondition, err, "mountPropagation: Bidirectional")
				require.NoError(t, unix.Mount("", volume, "", unix.MS_SHARED, ""))
				n.want(codes.Unavailable, stage("v"))
			}
			n.stop()
			n.stop = func() {}
			require.Equal(t, test.warnings, strings.Count(log.String(), "level=WARN msg=\"the kubelet and its pods"), log)
		})
	}
}
