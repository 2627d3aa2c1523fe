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
// encryption, or finds it open: all others are those of ext4.
var encryptedSequences = []sequence{
	{last: stage},
	{prefix: []op{stage}, last: stage},
	{prefix: []op{stage}, last: publish},
	{prefix: []op{stage}, last: expand},
	{prefix: []op{stage}, last: unstage},
	{prefix: []op{stage, publish}, last: unpublish},
	{prefix: []op{stage, unstage}, last: stage},
	{prefix: []op{stage, expand, unstage}, last: stage},
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
	var tasks []task
	for i := range encryptedSequences {
		s := &encryptedSequences[i]
		s.kind = encryptedExt4
		_, err := w.baseline(t.Context(), s)
		require.NoError(t, err, "%v, undisturbed", s)
		for at := range s.steps {
			tasks = append(tasks, task{s, at + 1})
		}
	}
	all, run, formats := len(tasks), 0, 0
	if limit.count > 0 {
		random.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
		tasks = tasks[:min(len(tasks), limit.count)]
	}
	for _, x := range tasks {
		killed, err := w.crash(t.Context(), x.s, x.at)
		require.NoError(t, err, "violation: %v", x)
		if killed {
			run++
		}
		if strings.Contains(x.s.steps[x.at-1], "cryptsetup") {
			formats++
		}
	}
	require.Positive(t, run)
	t.Logf("measured: ext4 on LUKS: %d sequences, %d crash points, %d run, %d of them before a cryptsetup, 0 violations", len(encryptedSequences), all, run, formats)
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
