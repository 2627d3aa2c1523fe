package csi_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// TestLUKS_RefusedWithEvidence: what is not what was asked for stays as it is,
// whether it is encrypted or not. No device mapper is needed to refuse.
func TestLUKS_RefusedWithEvidence(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	tool := func(name string, args ...string) {
		cmd := exec.Command(name, append(args, backend.image("v"))...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	luksFormat := func(kind string) {
		tool("cryptsetup", "-q", "luksFormat", "--type", kind, "--pbkdf-force-iterations", "1000", "--pbkdf", "pbkdf2", "--key-file", "/dev/zero", "--keyfile-size", "32")
	}
	for name, test := range map[string]struct {
		prepare func()
		stage   func(*csipb.NodeStageVolumeRequest)
		code    codes.Code
		words   []string
	}{
		"a plain file system is not encrypted": {func() { tool("mkfs.ext4", "-q", "-F") }, encrypted(passphrase), codes.FailedPrecondition, []string{"holds ext4 without encryption", "ext4 at byte"}},
		"LUKS1 is not used":                    {func() { luksFormat("luks1") }, encrypted(passphrase), codes.FailedPrecondition, []string{"LUKS version 1"}},
		"an encrypted volume is not formatted": {func() { luksFormat("luks2") }, fstype("ext4"), codes.FailedPrecondition, []string{"is encrypted", "does not ask for encryption", "crypto_LUKS at byte 0"}},
		"nor mounted as whatever it is":        {func() { luksFormat("luks2") }, fstype(""), codes.FailedPrecondition, []string{"does not ask for encryption"}},
		"a passphrase is needed":               {func() { tool("mkfs.ext4", "-q", "-F") }, encrypted(""), codes.Unauthenticated, []string{"encryptionPassphrase"}},
		"an unknown kind":                      {func() {}, func(r *csipb.NodeStageVolumeRequest) { r.VolumeContext["fs.csikit.io/encrypt"] = "luks1" }, codes.InvalidArgument, []string{"want luks2"}},
		"a bad option of mkfs is found first": {func() { tool("truncate", "-s", "0"); tool("truncate", "-s", "320M") }, encrypted(passphrase, "blockSize", "4095"),
			codes.InvalidArgument, []string{"blockSize"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.prepare()
			before := backend.hash(t, "v")
			n.want(test.code, n.stage("v", test.stage), test.words...)
			require.Equal(t, before, backend.hash(t, "v"))
			backend.detached(t, "v")
			n.nothingLeft()
		})
	}
}

func TestLUKS_AShareIsNotEncrypted(t *testing.T) {
	n, _ := newNode(t, &nodeFake{})
	n.want(codes.InvalidArgument, n.stage("v", encrypted(passphrase)), "share")
	n.nothingLeft()
}

// TestR1_TheMarkProtectsTheHeader: a volume that once was encrypted and now
// reads as empty is not encrypted again.
func TestR1_TheMarkProtectsTheHeader(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, backend.MarkFormatted(t.Context(), csi.NodeVolume{ID: "v"}))
	before := backend.hash(t, "v")
	n.want(codes.FailedPrecondition, n.stage("v", encrypted(passphrase)), "marked as formatted")
	require.Equal(t, before, backend.hash(t, "v"))
}
