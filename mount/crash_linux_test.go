//go:build csikit_crash

package mount

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/looptest"
)

// TestCrash_EveryStep kills a process before each of its steps in turn, while it
// stages, publishes read-only, unpublishes and unstages a volume. After each kill
// another process finds what the rules promise, and gets through.
//
// It needs the tag csikit_crash, which puts the kills into package crashpoint.
func TestCrash_EveryStep(t *testing.T) {
	if dev := os.Getenv("MOUNT_TEST_DEVICE"); dev != "" {
		f := open(t, dev)
		require.NoError(t, life(t.Context(), childKernel(), f, os.Getenv("MOUNT_TEST_STAGING"), os.Getenv("MOUNT_TEST_POD")))
		return
	}
	each(t, func(t *testing.T, k *Kernel) {
		dev, base := device(t, "ext4"), looptest.Dir(t)
		staging, pod := target(t, base, "staging"), target(t, base, "pod")
		require.NoError(t, Remove(staging))
		require.NoError(t, Remove(pod))
		for step := 1; ; step++ {
			child := exec.Command(os.Args[0], "-test.run=^TestCrash_EveryStep$")
			child.Env = append(os.Environ(), "CSIKIT_CRASH_AT="+strconv.Itoa(step), "MOUNT_TEST_DEVICE="+dev.Name(),
				"MOUNT_TEST_STAGING="+staging, "MOUNT_TEST_POD="+pod, "MOUNT_TEST_HIDDEN="+k.hidden, "MOUNT_TEST_OLD="+strconv.FormatBool(!k.Features().NewMount))
			out, err := child.CombinedOutput()
			if err == nil {
				t.Logf("%d steps", step-1)
				require.Greater(t, step, 6)
				return
			}
			require.Equal(t, syscall.SIGKILL, child.ProcessState.Sys().(syscall.WaitStatus).Signal(), "%s", out)
			k := &Kernel{Only: k.Only, hidden: k.hidden} // as in a new process
			if info, err := k.Find(pod); err == nil {
				require.True(t, info.ReadOnly, "step %d", step)
				require.Equal(t, 1, info.Layers, "step %d", step)
			}
			require.NoError(t, life(t.Context(), k, dev, staging, pod), "after a kill before step %d", step)
			require.NoError(t, idle(dev))
		}
	})
}

// life is what a node does with a volume; each part may have been done before.
func life(ctx context.Context, k *Kernel, dev *os.File, staging, pod string) error {
	if err := errors.Join(MakeDir(staging), MakeDir(pod)); err != nil {
		return err
	}
	if err := k.Mount(ctx, Mount{Type: "ext4", Device: dev}, staging); err != nil && !errors.Is(err, ErrMounted) {
		return err
	}
	if err := k.Bind(ctx, Binding{Source: staging, Target: pod, ReadOnly: true}); err != nil && !errors.Is(err, ErrMounted) {
		return err
	}
	for _, target := range []string{pod, staging} {
		if err := k.Unmount(ctx, target); err != nil {
			return err
		}
		if err := Remove(target); err != nil {
			return err
		}
	}
	return nil
}

// childKernel is that of a test which runs itself in a child.
func childKernel() *Kernel {
	if os.Getenv("MOUNT_TEST_OLD") == "true" {
		return &Kernel{Only: &Features{}, hidden: os.Getenv("MOUNT_TEST_HIDDEN")}
	}
	return NewKernel()
}
