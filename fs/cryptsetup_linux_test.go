package fs

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const secret = Passphrase("correct horse\nbattery staple\n")

// The passphrase reaches the child by its standard input, byte by byte, and by
// nothing that other processes see.
func TestR15_ThePassphraseIsOnStdinOnly(t *testing.T) {
	dir := fake(t, "cryptsetup", `cat >"$0.stdin"; echo "$@" >"$0.args"; env >"$0.env"`)
	l := LUKS{UUID: ours.String(), Discard: true, ReadOnly: true}
	for _, args := range [][]string{l.openArgs(), luksFormatArgs(l.UUID, 512)} {
		require.NoError(t, cryptsetup(t.Context(), secret, nil, args...))
		for _, name := range []string{"args", "env"} {
			text, err := os.ReadFile(dir + "/cryptsetup." + name)
			require.NoError(t, err)
			require.NotContains(t, string(text), "horse")
			require.NotContains(t, string(text), "staple")
		}
		input, err := os.ReadFile(dir + "/cryptsetup.stdin")
		require.NoError(t, err)
		require.Equal(t, string(secret), string(input))
	}
	env, err := os.ReadFile(dir + "/cryptsetup.env")
	require.NoError(t, err)
	require.Contains(t, string(env), "DM_DISABLE_UDEV=1")
}

func TestPassphrase_IsNeverPrinted(t *testing.T) {
	encoded, err := json.Marshal(map[string]any{"p": secret})
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "p", secret, "in", struct{ P Passphrase }{secret})
	all := log.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb, secret) + fmt.Sprintf(verb, struct{ P Passphrase }{secret})
	}
	require.NotContains(t, all, "horse")
	require.NotContains(t, all, fmt.Sprintf("%x", "horse"))
}

func TestCryptsetup_ExitStatuses(t *testing.T) {
	dir := fake(t, "cryptsetup", `echo "it says so" >&2; exit $(cat "$0.code")`)
	for code, want := range map[int]error{0: nil, 1: nil, 2: ErrPassphrase, 3: nil, 4: nil, 5: ErrBusy} {
		require.NoError(t, os.WriteFile(dir+"/cryptsetup.code", fmt.Append(nil, code), 0o600))
		err := cryptsetup(t.Context(), secret, nil, "open")
		if code == 0 {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "it says so")
		require.NotContains(t, err.Error(), "horse")
		for _, known := range []error{ErrPassphrase, ErrBusy, ErrNotEmpty, ErrOption} {
			require.Equal(t, errors.Is(want, known), errors.Is(err, known), "exit status %d: %v", code, err)
		}
	}
}

func TestLUKS_Arguments(t *testing.T) {
	l := LUKS{UUID: ours.String()}
	require.Equal(t, "open --type luks2 --disable-keyring --key-file - /proc/self/fd/3 csikit-"+l.UUID, strings.Join(l.openArgs(), " "))
	l.Discard, l.ReadOnly = true, true
	require.Contains(t, strings.Join(l.openArgs(), " "), "--allow-discards --readonly")
	require.Equal(t, "luksFormat --type luks2 --uuid "+l.UUID+" --cipher aes-xts-plain64 --key-size 512 --hash sha256 --sector-size 4096 --offset 32768 "+
		"--pbkdf argon2id --pbkdf-memory 65536 --pbkdf-parallel 4 --pbkdf-force-iterations 4 --key-file - /proc/self/fd/3",
		strings.Join(luksFormatArgs(l.UUID, 4096), " "))
}

func TestLUKS_Check(t *testing.T) {
	require.NoError(t, LUKS{UUID: ours.String(), SectorSize: 4096}.check())
	for _, bad := range []LUKS{{}, {UUID: "x"}, {UUID: strings.ToUpper(ours.String())}, {UUID: ours.String(), SectorSize: 8192}, {UUID: ours.String(), SectorSize: -1}} {
		require.ErrorIs(t, bad.check(), ErrOption)
	}
}

// A mapping is known by what the kernel keeps, not by a name that can be given
// to any.
func TestMaker(t *testing.T) {
	l := LUKS{UUID: ours.String()}
	header := strings.Repeat("0123456789abcdef", 2)
	for uuid, owned := range map[string]bool{
		"CRYPT-LUKS2-" + header + "-" + l.name():          true,
		"CRYPT-LUKS2-" + header + "-" + l.forming():       true,
		"CRYPT-LUKS1-" + header + "-" + l.name():          false,
		"CRYPT-PLAIN-" + l.name():                         false,
		"CRYPT-LUKS2-" + header + "-x" + l.name():         false,
		"CRYPT-LUKS2-" + header + "-" + l.name() + "x":    false,
		"CRYPT-LUKS2-" + header + "-":                     false,
		"CRYPT-LUKS2-" + header[1:] + "-" + l.name():      false,
		"CRYPT-TEMP-" + header + "-" + l.name():           false,
		"LVM-" + header + "-" + l.name():                  false,
		l.name():                                          false,
		"":                                                false,
		"CRYPT-LUKS2-":                                    false,
		"CRYPT-LUKS2-" + header + "csikit-" + l.name():    false,
		"CRYPT-LUKS2-" + header + "-csikit-" + "other-id": false,
	} {
		require.Equal(t, owned, l.owns(uuid), uuid)
	}
	require.True(t, l.resembles(l.name(), "CRYPT-PLAIN-x"))
	require.False(t, l.resembles("other", "CRYPT-PLAIN-x"))
}

// A header that is made in memory and written sector 0 last is a header that
// cryptsetup takes; until the last sector is there, the device is only ours to
// begin again.
func TestR9_HeaderIsCompleteWithItsFirstSector(t *testing.T) {
	d, image := newDevice(t, 64<<20)
	cheapKeys(t)
	l := LUKS{UUID: ours.String()}
	header, err := d.makeHeader(t.Context(), l, secret)
	require.NoError(t, err)
	defer func() { require.NoError(t, header.Close()) }()
	require.NoError(t, d.announce(t.Context(), Format{Type: TypeLUKS, UUID: l.UUID}))

	body := make([]byte, luksOffset-intentLength)
	_, err = header.ReadAt(body, intentLength)
	require.NoError(t, err)
	write(t, d.name, intentLength, body)
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{Known, TypeLUKS, l.UUID, true}, []any{c.State, c.Type, c.UUID, c.InProgress}, c)

	require.NoError(t, d.writeHeader(header))
	c, err = d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{Known, TypeLUKS, 2, l.UUID, false}, []any{c.State, c.Type, c.Version, c.UUID, c.InProgress}, c)
	try := append([]string{"open", "--test-passphrase"}, append(fromStdin, image)...)
	require.NoError(t, cryptsetup(t.Context(), secret, nil, try...))
	require.ErrorIs(t, cryptsetup(t.Context(), secret+"x", nil, try...), ErrPassphrase)
	require.ErrorIs(t, cryptsetup(t.Context(), Passphrase(strings.TrimSpace(string(secret))), nil, try...), ErrPassphrase, "the line end counts")
}

// cheapKeys makes headers that are quick to open.
func cheapKeys(t *testing.T) {
	t.Helper()
	before := keyDerivation
	keyDerivation = []string{"--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}
	t.Cleanup(func() { keyDerivation = before })
}

// R1: only a device that is proven empty, or that this volume's own attempt
// left, gets a header. Without a device mapper the attempt below ends when the
// content is to be blanked, which is as good as a kill.
func TestR1_OnlyAnEmptyDeviceIsEncrypted(t *testing.T) {
	cheapKeys(t)
	l := LUKS{UUID: ours.String()}
	for name, content := range map[string][]byte{
		"unknown data":         []byte("data"),
		"another's intent":     intentFor(TypeLUKS, theirs),
		"an intent of mkfs":    intentFor("ext4", ours),
		"a LUKS header":        luksImage(2, luksMagic, 0),
		"an ext4":              append(make([]byte, extOffset), extImage(extOf{kind: "ext4", id: ours})...),
		"a second header of 2": append(make([]byte, 16<<10), luksImage(2, luksSecond, 16<<10)...),
	} {
		d, image := newDevice(t, 64<<20)
		write(t, d.name, 0, content)
		before := hash(t, image)
		require.ErrorIs(t, d.FormatLUKS(t.Context(), l, secret), ErrNotEmpty, name)
		require.Equal(t, before, hash(t, image), name)
	}
	d, image := newDevice(t, 64<<20)
	before := hash(t, image)
	require.ErrorIs(t, d.FormatLUKS(t.Context(), l, ""), ErrPassphrase)
	require.ErrorIs(t, d.FormatLUKS(t.Context(), LUKS{UUID: "x"}, secret), ErrOption)
	require.Equal(t, before, hash(t, image))
	small, image := newDevice(t, 16<<20)
	before = hash(t, image)
	require.ErrorIs(t, small.FormatLUKS(t.Context(), l, secret), ErrTooSmall)
	require.Equal(t, before, hash(t, image))
}
