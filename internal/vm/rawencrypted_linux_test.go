package vm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

const secretPhrase = "correct horse battery staple"

// A rawEncrypted is a volume whose pods get the content of its encryption as a
// device.
type rawEncrypted struct {
	*node
	id     string
	reader bool // stage it for readers
}

func encryptedContext() map[string]string {
	c := maps.Clone(volumeContext)
	c["fs.csikit.io/encrypt"] = "luks2"
	return c
}

func (v rawEncrypted) capability() *csipb.VolumeCapability {
	c := rawCapability()
	c.AccessMode.Mode = csipb.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER
	if v.reader {
		c.AccessMode.Mode = csipb.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY
	}
	return c
}

func (v rawEncrypted) stage(ctx context.Context) error { return v.stageWith(ctx, secretPhrase) }

func (v rawEncrypted) stageWith(ctx context.Context, passphrase string) error {
	_, err := v.NodeStageVolume(ctx, &csipb.NodeStageVolumeRequest{
		VolumeId: v.id, StagingTargetPath: v.staging(v.id), VolumeCapability: v.capability(), VolumeContext: encryptedContext(),
		Secrets: map[string]string{"encryptionPassphrase": passphrase},
	})
	return err
}

func (v rawEncrypted) publish(pod string, readOnly bool) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := v.NodePublishVolume(ctx, &csipb.NodePublishVolumeRequest{
			VolumeId: v.id, StagingTargetPath: v.staging(v.id), TargetPath: v.at(pod), Readonly: readOnly,
			VolumeCapability: v.capability(), VolumeContext: encryptedContext(),
		})
		return err
	}
}

func (v rawEncrypted) unpublish(pod string) func(context.Context) error {
	return v.unpublishAt(v.id, v.at(pod))
}

func (v rawEncrypted) unstage(ctx context.Context) error { return v.node.unstage(ctx, v.id) }

func (v rawEncrypted) at(pod string) string { return filepath.Join(v.dir, pod) }

// writes tries to write text where a pod has the device.
func (v rawEncrypted) writes(pod, text string) error {
	f, err := os.OpenFile(v.at(pod), os.O_WRONLY|unix.O_SYNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(text), mib)
	return errors.Join(err, f.Close())
}

// reads demands that a pod finds text on its device.
func (v rawEncrypted) reads(pod, text string) {
	v.Helper()
	f, err := os.Open(v.at(pod))
	require.NoError(v, err)
	defer func() { require.NoError(v, f.Close()) }()
	b := make([]byte, len(text))
	_, err = f.ReadAt(b, mib)
	require.NoError(v, err)
	require.Equal(v, text, string(b))
}

// forget takes away what is written down, as a new state directory does.
func (v rawEncrypted) forget() { require.NoError(v, os.RemoveAll(filepath.Join(v.dir, "state"))) }

// nothingLeft demands that nothing of the volume is open or written down.
func (v rawEncrypted) nothingLeft() {
	v.Helper()
	require.Empty(v, openMappings(v.T))
	left, err := filepath.Glob(filepath.Join(v.dir, "state", "*", "*"))
	require.NoError(v, err)
	require.Empty(v, left)
	entries, err := os.ReadDir(v.staging(v.id))
	require.NoError(v, err)
	require.Empty(v, entries)
}

// newRawEncrypted stages and publishes volume a on a new mapping; volume b is
// another one, on a mapping of its own.
func newRawEncrypted(t *testing.T) (a, b rawEncrypted, lower *mapping) {
	needTarget(t, "crypt")
	n := newNode(t, "raw")
	lower = newMapping(t, 64*mib)
	n.place("a", lower.device())
	n.place("b", newMapping(t, 64*mib).device())
	t.Cleanup(func() { // of a test that has failed: the next one has the same volumes
		for _, name := range openMappings(t) {
			cryptsetup(t, "close", name)
		}
	})
	a, b = rawEncrypted{node: n, id: "a"}, rawEncrypted{node: n, id: "b"}
	n.must("stage", a.stage)
	n.must("publish", a.publish("pod", false))
	require.NoError(t, a.writes("pod", "of a"))
	return a, b, lower
}

// openMappings lists the open encryptions of this driver: kernel name and name.
func openMappings(t *testing.T) map[string]string {
	t.Helper()
	found, err := filepath.Glob("/sys/block/dm-*/dm/name")
	require.NoError(t, err)
	names := map[string]string{}
	for _, path := range found {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		if name := strings.TrimSpace(string(text)); strings.HasPrefix(name, "csikit-") && !strings.HasPrefix(name, "csikit-test-") {
			names[filepath.Base(filepath.Dir(filepath.Dir(path)))] = name
		}
	}
	return names
}

// theMapping is the only encryption that is open: its kernel name and its name.
func theMapping(t *testing.T) (kernel, name string) {
	t.Helper()
	all := openMappings(t)
	require.Len(t, all, 1)
	for kernel, name = range all {
	}
	return kernel, name
}

// cryptsetup is what an administrator does behind the driver's back.
func cryptsetup(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("cryptsetup", append(args, "--batch-mode")...)
	cmd.Stdin = strings.NewReader(secretPhrase)
	cmd.Env = append(os.Environ(), "DM_DISABLE_UDEV=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "cryptsetup %v: %s", args, out)
}

func open(t *testing.T, lower *mapping, name string) {
	t.Helper()
	cryptsetup(t, "open", "--type", "luks2", "--disable-keyring", "--key-file", "-", lower.path(), name)
}

func readOnly(t *testing.T, path string) bool {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	text, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/ro", unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	require.NoError(t, err)
	return strings.TrimSpace(string(text)) == "1"
}

var _ csi.NodeExpander = (*disks)(nil)
