package csi_test

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount/mounttest"
)

// What the kubelet has been seen to do to drivers, replayed in order.

// A gate holds the calls that reach it until it is opened, or until their
// context ends.
type gate struct{ entered, open chan struct{} }

func newGate() *gate { return &gate{make(chan struct{}, 100), make(chan struct{})} }

func (g *gate) wait(ctx context.Context) error {
	g.entered <- struct{}{}
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	return csi.Share{Type: "nfs", Source: "server:/" + v.ID}, g.wait(ctx)
}

// mount is a share whose mount the gate holds.
func (g *gate) mount(table *mounttest.Table) func(context.Context, csi.NodeVolume) (csi.Source, error) {
	return func(context.Context, csi.NodeVolume) (csi.Source, error) {
		return csi.Share{Source: "x", Mount: func(ctx context.Context, dir string) error {
			if err := g.wait(ctx); err != nil {
				return err
			}
			table.Stack(mounttest.Entry{Target: dir})
			return nil
		}}, nil
	}
}

// TestRuling9_UnstageEndsAStage: a stage that would never end is cancelled by
// the unstage, which then finds what it left.
func TestRuling9_UnstageEndsAStage(t *testing.T) {
	backend, g := &nodeFake{}, newGate()
	n, table := newNode(t, backend)
	for name, find := range map[string]func(context.Context, csi.NodeVolume) (csi.Source, error){
		"in Locate": g.locate, "in Mount": g.mount(table),
	} {
		backend.set(find)
		staged := make(chan error, 1)
		go func() { staged <- n.stage("v") }()
		<-g.entered
		require.NoError(t, n.unstage("v"), name)
		n.want(codes.Aborted, <-staged, "NodeUnstageVolume")
		require.Empty(t, table.Mounts())
		n.nothingLeft()
	}
}

// TestRuling9_UnpublishEndsAPublish: likewise for one target, while another
// target of the volume is left alone.
func TestRuling9_UnpublishEndsAPublish(t *testing.T) {
	backend, g := &perPodFake{}, newGate()
	n, table := newNode(t, backend)
	backend.set(g.locate)
	one, two := n.path("one/mount"), n.path("two/mount")
	var published [2]chan error
	for i, target := range []string{one, two} {
		published[i] = make(chan error, 1)
		go func() { published[i] <- n.publish("v", target, unstaged) }()
	}
	<-g.entered
	<-g.entered
	require.NoError(t, n.unpublish("v", one))
	n.want(codes.Aborted, <-published[0], "NodeUnpublishVolume")
	close(g.open)
	require.NoError(t, <-published[1])
	require.NoFileExists(t, one)
	require.Len(t, mountedAt(table, two), 1)
	require.NoError(t, n.unpublish("v", two))
	require.Empty(t, table.Mounts())
	n.nothingLeft()
}

// TestRuling9_UnstageAwaitsARevival: a publish that mounts a dead share again
// keeps an unstage away until the mount has returned, also when an unpublish has
// cancelled it or all its callers have left.
func TestRuling9_UnstageAwaitsARevival(t *testing.T) {
	for name, unpublished := range map[string]bool{"unpublished": true, "callers left": false} {
		t.Run(name, func(t *testing.T) {
			backend := &nodeFake{}
			n, table := newNode(t, backend)
			staging, target := n.stagingPath("v"), n.path("pod/mount")
			require.NoError(t, n.stage("v"))
			table.Change(staging, func(e *mounttest.Entry) { e.Dead = syscall.ENOTCONN })
			g, stubborn := newGate(), context.WithoutCancel(t.Context()) // a daemon that takes its time whatever its context says
			backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) {
				return csi.Share{Source: "x", Mount: func(ctx context.Context, dir string) error {
					if err := errors.Join(g.wait(stubborn), ctx.Err()); err != nil {
						return err
					}
					table.Stack(mounttest.Entry{Target: dir})
					return nil
				}}, nil
			})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			published, ended := make(chan error, 1), make(chan error, 1)
			go func() {
				_, err := n.NodePublishVolume(ctx, n.publishRequest("v", target))
				published <- err
			}()
			<-g.entered
			if unpublished {
				go func() { ended <- n.unpublish("v", target) }()
				n.callers(3) // the publish waits for its turn to revive, too
			} else {
				leave()
				n.callers(1)
			}
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := n.NodeUnstageVolume(short, &csipb.NodeUnstageVolumeRequest{VolumeId: "v", StagingTargetPath: staging})
			n.want(codes.Aborted, err, "NodePublishVolume")
			close(g.open)
			require.Error(t, <-published)
			if !unpublished {
				ended <- n.unpublish("v", target)
			}
			require.NoError(t, <-ended)
			require.NoError(t, n.unstage("v"))
			require.Empty(t, table.Mounts())
			n.nothingLeft()
		})
	}
}

// TestRace_StageDuringUnstage: the stage waits for its turn and then starts
// from nothing.
func TestRace_StageDuringUnstage(t *testing.T) {
	backend := &nodeFake{}
	n, table := newNode(t, backend)
	require.NoError(t, n.stage("v"))
	entered, leave := make(chan struct{}), make(chan struct{})
	opened := sync.OnceFunc(func() { close(leave) })
	defer opened()
	backend.release = func(csi.NodeVolume) error { close(entered); <-leave; return nil }
	unstaged, staged := make(chan error, 1), make(chan error, 1)
	go func() { unstaged <- n.unstage("v") }()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := n.NodeStageVolume(ctx, n.stageRequest("v"))
	n.want(codes.Aborted, err, "NodeUnstageVolume")
	go func() { staged <- n.stage("v") }()
	opened()
	require.NoError(t, <-unstaged)
	require.NoError(t, <-staged)
	require.Len(t, mountedAt(table, n.stagingPath("v")), 1)
}

// TestRule31_ARetriedUnstageJoins: the retry of an unstage that takes longer
// than its deadline gets the result of the first, and Release runs once.
func TestRule31_ARetriedUnstageJoins(t *testing.T) {
	backend := &nodeFake{}
	n, _ := newNode(t, backend)
	require.NoError(t, n.stage("v"))
	entered, leave := make(chan struct{}), make(chan struct{})
	opened := sync.OnceFunc(func() { close(leave) })
	defer opened()
	backend.release = func(csi.NodeVolume) error { close(entered); <-leave; return nil }
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := n.NodeUnstageVolume(ctx, &csipb.NodeUnstageVolumeRequest{VolumeId: "v", StagingTargetPath: n.stagingPath("v")})
	n.want(codes.Aborted, err)
	<-entered
	retried := make(chan error, 1)
	n.callers(0)
	go func() { retried <- n.unstage("v") }()
	n.callers(1)
	opened()
	require.NoError(t, <-retried)
}

// TestRace_UnstageWhilePublished: nothing is taken away from under a pod.
func TestRace_UnstageWhilePublished(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	require.NoError(t, n.stage("v"))
	target := n.path("pod/mount")
	require.NoError(t, n.publish("v", target))
	n.want(codes.Aborted, n.unstage("v"), target)
	require.Len(t, table.Mounts(), 2)
	require.NoError(t, n.publish("v", target), "still in order")
	require.NoError(t, n.unpublish("v", target))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR6_AnUnstageThatFailedGoesOn: a busy mount is not forced, and the state
// says how far it came, after a restart too.
func TestR6_AnUnstageThatFailedGoesOn(t *testing.T) {
	backend := &nodeFake{}
	n, table := newNode(t, backend)
	require.NoError(t, n.stage("v"))
	table.Change(n.stagingPath("v"), func(e *mounttest.Entry) { e.Busy = true })
	n.want(codes.Aborted, n.unstage("v"))
	n.want(codes.Aborted, n.publish("v", n.path("pod/mount")), "being unstaged")
	n.restart()
	table.Change(n.stagingPath("v"), func(e *mounttest.Entry) { e.Busy = false })
	backend.release = func(csi.NodeVolume) error { return csi.ErrUnavailable }
	n.want(codes.Unavailable, n.unstage("v"))
	backend.release = nil
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR6_StageFinishesAnUnstage: what an unstage has not released is released
// before the volume is located anew.
func TestR6_StageFinishesAnUnstage(t *testing.T) {
	backend := &nodeFake{}
	n, _ := newNode(t, backend)
	require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.PublishContext = map[string]string{"lun": "1"} }))
	backend.release = func(csi.NodeVolume) error { return csi.ErrUnavailable }
	n.want(codes.Unavailable, n.unstage("v"))
	n.want(codes.Unavailable, n.stage("v"), "unstage")
	backend.release = nil
	require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.PublishContext = map[string]string{"lun": "2"} }))
	require.Equal(t, "1", backend.released[len(backend.released)-1].PublishContext["lun"])
	require.NoError(t, n.unstage("v"))
	require.Equal(t, "2", backend.released[len(backend.released)-1].PublishContext["lun"])
}

// TestR4_PublishedManyTimesAtOnce: one mount, whatever happens at once.
func TestR4_PublishedManyTimesAtOnce(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	require.NoError(t, n.stage("v"))
	target := n.path("pod/mount")
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			err := n.publish("v", target, func(r *csipb.NodePublishVolumeRequest) {
				if i%2 == 1 {
					r.VolumeContext = map[string]string{"pool": "one"} // not joined, but the same
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Len(t, mountedAt(table, target), 1)
}

// TestRace_ManyPodsOneVolume: targets of one volume do not wait for each
// other, and at most one of a single writer is served.
func TestRace_ManyPodsOneVolume(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	require.NoError(t, n.stage("v"))
	var all sync.WaitGroup
	var mu sync.Mutex
	served := 0
	for i := range 20 {
		target := n.path(string(rune('a'+i)) + "/mount")
		all.Go(func() {
			err := n.publish("v", target, func(r *csipb.NodePublishVolumeRequest) {
				r.VolumeCapability = mountAccess(csi.SingleNodeSingleWriter, "")
			})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				served++
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, served)
	require.Len(t, table.Mounts(), 2)
}
