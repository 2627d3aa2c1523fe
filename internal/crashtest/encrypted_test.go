//go:build linux

package crashtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/looptest"
)

// encryptedExt4 is not among the kinds: see TestCrash_LUKS.
var encryptedExt4 = kind{name: "ext4-luks", fstype: "ext4", size: 64 * mib, step: 16 * mib, encrypted: true}

const passphrase = "correct horse battery staple"

func (k kind) secrets() map[string]string {
	if k.encrypted {
		return map[string]string{"encryptionPassphrase": passphrase}
	}
	return nil
}

// encryptedSequences are those whose last RPC does something about the
// encryption, or finds it open: all others are those of ext4. The number is
// about how many steps the last one has, for the choice of a sample.
var encryptedSequences = []struct {
	sequence
	steps int
}{
	{sequence{last: stage}, 40},
	{sequence{prefix: []op{stage, unstage}, last: stage}, 22},
	{sequence{prefix: []op{stage, expand, unstage}, last: stage}, 22},
	{sequence{prefix: []op{stage}, last: unstage}, 10},
	{sequence{prefix: []op{stage}, last: expand}, 8},
	{sequence{prefix: []op{stage}, last: publish}, 6},
	{sequence{prefix: []op{stage, publish}, last: unpublish}, 5},
	{sequence{prefix: []op{stage}, last: stage}, 2},
}

// TestCrash_LUKS kills the driver before the steps of RPCs on an encrypted
// volume. It needs a device mapper: make test-vm runs it where there is none.
// CSIKIT_CRASH_SAMPLE is a number of crash points, or all.
func TestCrash_LUKS(t *testing.T) {
	looptest.NeedMapper(t)
	limit := sampleSetting(t)
	random := rand.New(rand.NewPCG(seedSetting(t), 0))
	w := &worker{h: newHost(t)}
	t.Cleanup(w.close)
	kills := 0
	kill := func(s sequence, at int) bool {
		s.kind = encryptedExt4
		killed, err := w.crash(t.Context(), &s, at)
		require.NoError(t, err, "violation: %v: killed before step %d", s, at)
		if killed {
			kills++
		}
		return killed
	}
	if limit.count > 0 {
		for range limit.count {
			s := encryptedSequences[random.IntN(len(encryptedSequences))]
			at := 1 + random.IntN(s.steps)
			t.Logf("%v: step %d, reached: %v", s.sequence, at, kill(s.sequence, at))
		}
	} else {
		for _, s := range encryptedSequences {
			began := kills
			for at := 1; kill(s.sequence, at); at++ {
			}
			t.Logf("%v: %d crash points", s.sequence, kills-began)
		}
	}
	require.Positive(t, kills)
	t.Logf("measured: ext4 on LUKS: %d crash points of %d sequences, 0 violations", kills, len(encryptedSequences))
}

// inspectEncrypted looks at the content of an image without the driver.
func (v *volume) inspectEncrypted(ctx context.Context, device string) error {
	name := "inspect-" + v.name
	open := exec.CommandContext(ctx, "cryptsetup", "open", "--type", "luks2", "--readonly", "--disable-keyring", "--key-file", "-", device, name)
	open.Stdin = strings.NewReader(passphrase)
	out := new(log)
	open.Stderr = out
	err := launch(open)
	if err == nil {
		err = open.Wait()
	}
	if err != nil {
		return fmt.Errorf("open the encryption that the driver has made: %w: %s", err, out)
	}
	path := "/dev/mapper/" + name
	return errors.Join(v.inspectMounted(path), v.check(ctx, path), runTool("cryptsetup", "close", name))
}

// closeMappings takes away what a failed test has left open.
func closeMappings(dir string) {
	loops, _ := invariant.Loops(dir)
	for _, l := range loops {
		names, _ := filepath.Glob("/sys/block/" + filepath.Base(l) + "/holders/dm-*")
		for _, n := range names {
			_ = exec.Command("dmsetup", "remove", "/dev/"+filepath.Base(n)).Run()
		}
	}
}
