package csi_test

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
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

const passphrase = "correct horse battery staple"

// encrypted asks for encryption as a StorageClass does.
func encrypted(secret string, more ...string) func(*csipb.NodeStageVolumeRequest) {
	return func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeContext["fs.csikit.io/encrypt"] = "luks2"
		for i := 0; i < len(more); i += 2 {
			r.VolumeContext["fs.csikit.io/"+more[i]] = more[i+1]
		}
		if secret != "" {
			r.Secrets = map[string]string{"encryptionPassphrase": secret}
		}
	}
}

func published(r *csipb.NodePublishVolumeRequest) {
	r.VolumeContext["fs.csikit.io/encrypt"] = "luks2"
}

func newEncryptedNode(t *testing.T, ids ...string) (*nodeUnderTest, *loopFake) {
	looptest.NeedMapper(t)
	return newLoopNode(t, ids...)
}

// mapping returns the name of the mapping over a volume's loop device, or "".
func (f *loopFake) mapping(t *testing.T, id string) string {
	device := f.device(t, id)
	if device == "" {
		return ""
	}
	names, err := filepath.Glob("/sys/block/" + filepath.Base(device) + "/holders/*/dm/name")
	require.NoError(t, err)
	if len(names) == 0 {
		return ""
	}
	require.Len(t, names, 1)
	name, err := os.ReadFile(names[0])
	require.NoError(t, err)
	return strings.TrimSpace(string(name))
}

// cheapen makes a volume quick to open, which a virtual machine is not at.
func (f *loopFake) cheapen(t *testing.T, id string) {
	cmd := exec.Command("cryptsetup", "luksConvertKey", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file", "-", f.image(id))
	cmd.Stdin = strings.NewReader(passphrase)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func (n *nodeUnderTest) noPlaintext(f *loopFake, id, text string) {
	n.Helper()
	image, err := os.ReadFile(f.image(id))
	require.NoError(n, err)
	require.NotContains(n, string(image), text)
}

// TestLUKS_Life: what is written comes back with the passphrase, is not on the
// device, and nothing is left open.
func TestLUKS_Life(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(kind, func(t *testing.T) {
			n, backend := newEncryptedNode(t, "v")
			target := n.path("pod/" + kind)
			require.NoError(t, n.stage("v", fstype(kind), encrypted(passphrase)))
			require.NoError(t, n.stage("v", fstype(kind), encrypted(passphrase)), "again")
			require.NoError(t, n.publish("v", target, asFilesystem(kind), published))
			n.write(target, "plaintext of a secret")
			require.NotEmpty(t, backend.mapping(t, "v"))
			require.NoError(t, n.unpublish("v", target))
			require.NoError(t, n.unstage("v"))
			backend.detached(t, "v") // so nothing is open on it
			n.nothingLeft()
			n.noPlaintext(backend, "v", "plaintext of a secret")

			n.restart()
			require.NoError(t, n.stage("v", fstype(kind), encrypted(passphrase)))
			require.NoError(t, n.publish("v", target, asFilesystem(kind), published, forReading))
			require.Equal(t, "plaintext of a secret", n.read(target))
			require.NoError(t, n.unpublish("v", target))
			require.NoError(t, n.unstage("v"))
		})
	}
}

// TestLUKS_WrongPassphraseIsFinal: the code is final and nothing is left.
func TestLUKS_WrongPassphraseIsFinal(t *testing.T) {
	n, backend := newEncryptedNode(t, "v")
	require.NoError(t, n.stage("v", fstype("xfs"), encrypted(passphrase)))
	n.write(n.stagingPath("v"), "kept")
	require.NoError(t, n.unstage("v"))
	backend.cheapen(t, "v")
	before := backend.hash(t, "v")
	for _, wrong := range []string{"wrong", passphrase + "\n"} {
		err := n.stage("v", fstype("xfs"), encrypted(wrong))
		n.want(codes.Unauthenticated, err, "passphrase")
		require.NotContains(t, err.Error(), wrong)
		backend.detached(t, "v")
		n.nothingLeft()
	}
	require.Equal(t, before, backend.hash(t, "v"))
	require.NoError(t, n.stage("v", fstype("xfs"), encrypted(passphrase)))
	require.Equal(t, "kept", n.read(n.stagingPath("v")))
	require.NoError(t, n.unstage("v"))
}

// TestLUKS_RawDevice: a pod gets the content of the encryption as its device.
func TestLUKS_RawDevice(t *testing.T) {
	n, backend := newEncryptedNode(t, "v")
	raw := func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = rawAccess(csi.SingleNodeMultiWriter) }
	rawTarget := func(r *csipb.NodePublishVolumeRequest) {
		r.VolumeCapability = rawAccess(csi.SingleNodeMultiWriter)
		published(r)
	}
	target := n.path("pod/device")
	for _, want := range []string{"", "plaintext of a secret"} {
		require.NoError(t, n.stage("v", raw, encrypted(passphrase)))
		require.NoError(t, n.publish("v", target, rawTarget))
		device, err := os.OpenFile(target, os.O_RDWR|unix.O_SYNC, 0)
		require.NoError(t, err)
		b := make([]byte, len("plaintext of a secret"))
		_, err = device.ReadAt(b, 0)
		require.NoError(t, err)
		require.Equal(t, want, strings.TrimRight(string(b), "\x00"))
		_, err = device.WriteAt([]byte("plaintext of a secret"), 0)
		require.NoError(t, errors.Join(err, device.Close()))

		require.NoError(t, os.Truncate(backend.image("v"), 2*imageSize))
		_, err = n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{VolumeId: "v", VolumePath: target})
		require.NoError(t, err)
		require.Equal(t, int64(2*imageSize-16<<20), n.usage("v", target).GetTotal())
		require.NoError(t, n.unpublish("v", target))
		require.NoError(t, n.unstage("v"))
		backend.detached(t, "v")
	}
	n.noPlaintext(backend, "v", "plaintext of a secret")
	_, err := os.Stat(backend.image("v") + ".formatted")
	require.NoError(t, err, "a header is a format too")
}

// TestR13_LUKSGrowsOnline: through the mapping, without the passphrase.
func TestR13_LUKSGrowsOnline(t *testing.T) {
	n, backend := newEncryptedNode(t, "v")
	path := n.stagingPath("v")
	require.NoError(t, n.stage("v", fstype("xfs"), encrypted(passphrase)))
	before := n.usage("v", path).GetTotal()
	require.NoError(t, os.Truncate(backend.image("v"), 2*imageSize))
	r, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{VolumeId: "v", VolumePath: path, CapacityRange: &csipb.CapacityRange{RequiredBytes: 2 * imageSize}})
	require.NoError(t, err)
	require.Equal(t, int64(2*imageSize), r.GetCapacityBytes(), "the size is that of the volume, not of its content")
	require.InDelta(t, before+imageSize, n.usage("v", path).GetTotal(), 16<<20)
	require.NoError(t, n.unstage("v"))
	backend.cheapen(t, "v")
	require.NoError(t, os.Truncate(backend.image("v"), 3*imageSize))
	require.NoError(t, n.stage("v", fstype("xfs"), encrypted(passphrase)))
	require.InDelta(t, before+2*imageSize, n.usage("v", path).GetTotal(), 16<<20, "grown while it was not staged")
	require.NoError(t, n.unstage("v"))
}

// TestLUKS_WhatAKillLeaves: an open mapping without a mount, a mount without a
// state directory, both renamed.
func TestLUKS_WhatAKillLeaves(t *testing.T) {
	n, backend := newEncryptedNode(t, "v")
	path := n.stagingPath("v")
	stage := func(secret string) error { return n.stage("v", fstype("ext4"), encrypted(secret)) }
	rename := func() {
		cmd := exec.Command("dmsetup", "rename", backend.mapping(t, "v"), "renamed-"+rand.Text())
		cmd.Env = append(os.Environ(), "DM_DISABLE_UDEV=1")
		require.NoError(t, cmd.Run())
	}
	forget := func() { require.NoError(t, os.RemoveAll(n.opts.StateDir)) }
	require.NoError(t, stage(passphrase))
	n.write(path, "kept")
	require.NoError(t, n.unstage("v"))
	backend.cheapen(t, "v")
	require.NoError(t, stage(passphrase))
	for name, kill := range map[string]func(){
		"open, not mounted":                   func() { require.NoError(t, unix.Unmount(path, 0)) },
		"open, not mounted, forgotten":        func() { require.NoError(t, unix.Unmount(path, 0)); forget() },
		"open, not mounted, renamed":          func() { require.NoError(t, unix.Unmount(path, 0)); rename() },
		"mounted, forgotten":                  forget,
		"mounted, forgotten, renamed":         func() { forget(); rename() },
		"not mounted, renamed and forgotten ": func() { require.NoError(t, unix.Unmount(path, 0)); forget(); rename() },
	} {
		t.Run(name, func(t *testing.T) {
			kill()
			n.restart()
			if !strings.HasPrefix(name, "mounted") {
				n.want(codes.Unauthenticated, stage("wrong"), "passphrase") // what was left open opens nothing
			}
			require.NoError(t, stage(passphrase))
			require.Equal(t, "kept", n.read(path))
			kill()
			n.restart()
			require.NoError(t, n.unstage("v"))
			backend.detached(t, "v")
			n.nothingLeft()
			require.NoError(t, stage(passphrase))
		})
	}
	require.NoError(t, n.unstage("v"))
}

// TestLUKS_ReadersOnly: neither the device nor its content can be written.
func TestLUKS_ReadersOnly(t *testing.T) {
	n, backend := newEncryptedNode(t, "v")
	require.NoError(t, n.stage("v", fstype("ext4"), encrypted(passphrase)))
	n.write(n.stagingPath("v"), "kept")
	require.NoError(t, n.unstage("v"))
	backend.cheapen(t, "v")
	before := backend.hash(t, "v")
	readers := func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.MultiNodeReaderOnly, "ext4")
	}
	require.NoError(t, n.stage("v", readers, encrypted(passphrase)))
	require.Equal(t, "kept", n.read(n.stagingPath("v")))
	require.NoError(t, n.unstage("v"))
	require.Equal(t, before, backend.hash(t, "v"))
}

// TestLUKS_ClonesSideBySide: a copy has the header of its origin, and both can
// be used on one node.
func TestLUKS_ClonesSideBySide(t *testing.T) {
	n, backend := newEncryptedNode(t, "v", "copy")
	require.NoError(t, n.stage("v", fstype("xfs"), encrypted(passphrase)))
	n.write(n.stagingPath("v"), "first")
	require.NoError(t, n.unstage("v"))
	backend.cheapen(t, "v")
	out, err := exec.Command("cp", "--sparse=always", backend.image("v"), backend.image("copy")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	clone := func(r *csipb.NodeStageVolumeRequest) { r.VolumeContext["csikit.io/origin"] = "clone" }
	require.NoError(t, n.stage("v", fstype("xfs"), encrypted(passphrase)))
	require.NoError(t, n.stage("copy", fstype("xfs"), encrypted(passphrase), clone))
	n.write(n.stagingPath("copy"), "second")
	require.Equal(t, "first", n.read(n.stagingPath("v")))
	require.NoError(t, n.unstage("v"))
	require.Equal(t, "second", n.read(n.stagingPath("copy")))
	require.NoError(t, n.unstage("copy"))
}

// TestLUKS_TheBackendMayAsk: Device.Format does what the class does.
func TestLUKS_TheBackendMayAsk(t *testing.T) {
	n, backend := newEncryptedNode(t, "v")
	backend.set(func(d *csi.Device) {
		d.Format = csi.Format{FSType: "ext4", Encrypt: "luks2", Options: map[string]string{"luksDiscard": "true", "luksSectorSize": "4096"}}
	})
	secret := func(r *csipb.NodeStageVolumeRequest) {
		r.Secrets = map[string]string{"encryptionPassphrase": passphrase}
	}
	require.NoError(t, n.stage("v", secret))
	table, err := exec.Command("dmsetup", "table", backend.mapping(t, "v")).CombinedOutput()
	require.NoError(t, err, "%s", table)
	require.Contains(t, string(table), "allow_discards")
	require.Contains(t, string(table), "sector_size:4096")
	require.NoError(t, n.unstage("v"))
}
