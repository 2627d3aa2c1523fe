//go:build linux

package crashtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/looptest"
)

// raceRounds is how often a race is run: who wins is left to chance.
const raceRounds = 12

// one starts a driver and makes a volume.
func one(t *testing.T, kind string) (*driver, *volume) {
	t.Helper()
	h := newHost(t)
	d, err := h.start(0)
	require.NoError(t, err)
	v, err := h.newVolume(t.Context(), d, kindOf(kind))
	require.NoError(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			require.NoError(t, v.finish(context.Background(), d))
			require.NoError(t, joined(invariant.Leftovers(h.scope())))
			require.NoError(t, joined((&worker{h: h}).lateness()))
		}
		d.kill()
	})
	return d, v
}

// TestRaces_PublishedAThousandTimes: 32 goroutines publish one target 1,000
// times; half of the requests differ in what is not compared, so that they are
// not joined. One mount results.
func TestRaces_PublishedAThousandTimes(t *testing.T) {
	for _, kind := range []string{"ext4", "block"} {
		t.Run(kind, func(t *testing.T) {
			d, v := one(t, kind)
			require.NoError(t, v.settled(t.Context(), d, stage))
			var all sync.WaitGroup
			var mu sync.Mutex
			answers := map[codes.Code]int{}
			for worker := range 32 {
				all.Go(func() {
					for i := worker; i < 1000; i += 32 {
						pod := map[string]string{"csi.storage.k8s.io/pod.name": []string{"one", "two"}[i%2]}
						for k, value := range v.context {
							pod[k] = value
						}
						_, err := d.node.NodePublishVolume(t.Context(), &csipb.NodePublishVolumeRequest{
							VolumeId: v.id, StagingTargetPath: v.staging(), TargetPath: v.target(), VolumeCapability: v.kind.capability(), VolumeContext: pod,
						})
						mu.Lock()
						answers[status.Code(err)]++
						mu.Unlock()
					}
				})
			}
			all.Wait()
			require.Equal(t, map[codes.Code]int{codes.OK: 1000}, answers)
			v.model.apply(v.kind, publish)
			require.NoError(t, v.looks())
		})
	}
}

// TestRaces_TargetsOfManyPods: the same for 32 targets at once.
func TestRaces_TargetsOfManyPods(t *testing.T) {
	d, v := one(t, "xfs")
	require.NoError(t, v.settled(t.Context(), d, stage))
	var all sync.WaitGroup
	failed := make([]error, 32)
	for pod := range failed {
		target := v.target() + string(rune('A'+pod))
		all.Go(func() {
			_, err := d.node.NodePublishVolume(t.Context(), &csipb.NodePublishVolumeRequest{
				VolumeId: v.id, StagingTargetPath: v.staging(), TargetPath: target, VolumeCapability: v.kind.capability(), VolumeContext: v.context, Readonly: pod%2 == 1,
			})
			found := invariant.Targets(invariant.Target{Path: target, ReadOnly: pod%2 == 1})
			_, undo := d.node.NodeUnpublishVolume(t.Context(), &csipb.NodeUnpublishVolumeRequest{VolumeId: v.id, TargetPath: target})
			failed[pod] = errors.Join(err, joined(found), undo)
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(failed...))
}

// race sends two RPCs at once, again and again. Each answers what it would if
// it were the first or the last, or that it is to be repeated; then the model is
// reached by repeating the second.
func race(t *testing.T, kind string, before []op, a, b op, may ...codes.Code) {
	t.Helper()
	d, v := one(t, kind)
	for round := range raceRounds {
		for _, o := range before {
			require.NoError(t, v.settled(t.Context(), d, o))
		}
		pair := []op{a, b}
		answers := both(func(i int) error {
			if i == 1 {
				time.Sleep(time.Duration(round%6) * 2 * time.Millisecond) // at different moments of the first
			}
			return v.do(t.Context(), d, pair[i], v.model.expansions)
		})
		for i, err := range answers {
			code := status.Code(err)
			ok := err == nil || mayFail(code)
			for _, m := range may {
				ok = ok || code == m
			}
			require.True(t, ok, "%v beside %v: %v", pair[i], pair[1-i], err)
		}
		if a == expand || b == expand {
			v.model.expansions++
		}
		for _, o := range []op{unpublish, unstage} { // whatever happened, it can be undone
			require.NoError(t, retried(func() error { return v.do(t.Context(), d, o, 0) }), "after %v", answers)
			v.model.apply(v.kind, o)
		}
		require.NoError(t, v.looks(), "after %v", answers)
		require.NoError(t, joined(invariant.Free(v.image())))
	}
}

func TestRaces_StageDuringUnstage(t *testing.T) { race(t, "ext4", []op{stage}, unstage, stage) }

func TestRaces_UnstageDuringStage(t *testing.T) { race(t, "xfs", nil, stage, unstage) }

func TestRaces_UnstageDuringPublish(t *testing.T) {
	race(t, "ext4", []op{stage}, publish, unstage, codes.FailedPrecondition)
}

func TestRaces_PublishDuringUnstage(t *testing.T) {
	race(t, "xfs", []op{stage}, unstage, publish, codes.FailedPrecondition)
}

func TestRaces_UnpublishDuringPublish(t *testing.T) {
	race(t, "btrfs", []op{stage}, publish, unpublish)
}

func TestRaces_UnpublishTwiceAtOnce(t *testing.T) {
	race(t, "block", []op{stage, publish}, unpublish, unpublish)
}

func TestRaces_UnstageTwiceAtOnce(t *testing.T) { race(t, "ext4", []op{stage}, unstage, unstage) }

func TestRaces_ExpandDuringPublish(t *testing.T) { race(t, "xfs", []op{stage}, publish, expand) }

func TestRaces_ExpandDuringUnstage(t *testing.T) {
	race(t, "xfs", []op{stage}, unstage, expand, codes.NotFound)
}

// TestRaces_PublishWithoutStage: the kubelet publishes after a reboot without
// having staged. Nothing may be made then, not even the target.
func TestRaces_PublishWithoutStage(t *testing.T) {
	d, v := one(t, "ext4")
	for range 3 {
		require.Equal(t, codes.FailedPrecondition, status.Code(v.do(t.Context(), d, publish, 0)))
		require.NoFileExists(t, v.target())
		require.NoError(t, v.settled(t.Context(), d, stage))
		require.NoError(t, v.settled(t.Context(), d, unstage))
	}
}

// TestRaces_RetryJoinsASlowUnstage: the disk below the pool stops answering
// while a volume is unstaged with data in memory. The kubelet's deadline
// passes; its retries must not say that the volume is unstaged while the first
// one still writes (R6), and no other RPC may hang. When the disk is back the
// retry that waits gets the result of the first, and the data is there.
func TestRaces_RetryJoinsASlowUnstage(t *testing.T) {
	looptest.NeedRoot(t)
	h := newHost(t)
	disk := filepath.Join(h.dir, "disk")
	require.NoError(t, os.WriteFile(disk, nil, 0o600))
	require.NoError(t, os.Truncate(disk, 256*mib))
	device := looptest.Attach(t, disk)
	require.NoError(t, runTool("mkfs.ext4", "-q", "-F", device))
	require.NoError(t, unix.Mount(device, h.path("pool"), "ext4", 0, ""))
	frozen := false
	thaw := func() {
		if frozen {
			frozen = false
			require.NoError(t, runTool("fsfreeze", "--unfreeze", h.path("pool")))
		}
	}
	t.Cleanup(func() { _ = unix.Unmount(h.path("pool"), unix.MNT_DETACH) })
	t.Cleanup(thaw)

	d, err := h.start(0, "--log-level=debug")
	require.NoError(t, err)
	defer d.kill()
	v, err := h.newVolume(t.Context(), d, kindOf("ext4"))
	require.NoError(t, err)
	require.NoError(t, v.settled(t.Context(), d, stage))
	require.NoError(t, os.WriteFile(v.staging()+"/in-memory", make([]byte, 4*mib), 0o600))
	require.NoError(t, runTool("fsfreeze", "--freeze", h.path("pool")))
	frozen = true

	short := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return v.do(ctx, d, unstage, 0)
	}
	for range 3 {
		code := status.Code(short())
		require.Contains(t, []codes.Code{codes.Aborted, codes.DeadlineExceeded}, code, "the unstage has not ended")
	}
	info, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = d.identity.GetPluginInfo(info, &csipb.GetPluginInfoRequest{})
	require.NoError(t, err, "one dead disk must not hang the driver")
	waiting := make(chan error, 1)
	go func() { waiting <- v.do(context.WithoutCancel(t.Context()), d, unstage, 0) }()
	select {
	case err := <-waiting:
		t.Fatalf("an unstage ended while the disk does not answer: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	thaw()
	require.NoError(t, <-waiting)
	v.model.apply(v.kind, unstage)
	require.NoError(t, joined(invariant.Free(v.image())))
	require.Eventually(t, func() bool { return unstagesRun(d) > 0 }, 10*time.Second, 10*time.Millisecond, "the answer may overtake the log")
	require.Equal(t, 1, unstagesRun(d), "the retries joined the first one")
	require.NoError(t, v.finish(t.Context(), d))
}
