package ebs_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// A world is an EC2, the controller of a cluster, which is killed now and then,
// and the sidecars, which call until they get an answer. All is in a bubble of
// testing/synctest: hours pass in milliseconds.
type world struct {
	t           *testing.T
	ec2         *ec2test.Server
	consistency time.Duration
	group       sync.WaitGroup // of what goes on beside the test

	mu       sync.Mutex
	rand     *rand.Rand
	deaths   []death // of the controllers to come; then one lives
	process  *process
	names    int
	kills    int
	retries  int
	rpcs     int
	finished map[string]int // RPCs answered OK
}

func newWorld(t *testing.T, seed uint64, o ec2test.Options, deaths ...death) *world {
	o.Seed, o.BadKeys = seed, []string{badKey}
	o.Instances = []ec2test.Instance{{ID: node1}, {ID: node2}}
	s, err := ec2test.New(o)
	require.NoError(t, err)
	return &world{t: t, ec2: s, consistency: 5 * time.Second, rand: rand.New(rand.NewPCG(seed, 1)), deaths: deaths, finished: map[string]int{}}
}

// end waits for everything that still runs.
func (w *world) end() {
	w.controller().bury()
	w.group.Wait()
	w.ec2.Close()
}

// draw is a random time up to most.
func (w *world) draw(most time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.rand.Int64N(int64(most)))
}

func (w *world) chance(p float64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rand.Float64() < p
}

// controller is the process that runs, or the next one.
func (w *world) controller() *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process != nil && !w.process.isDead() {
		return w.process
	}
	if w.process != nil {
		w.kills++
		w.group.Go(w.process.bury)
	}
	var dies death
	if len(w.deaths) > 0 {
		dies, w.deaths = w.deaths[0], w.deaths[1:]
	}
	w.process = w.start(dies)
	return w.process
}

// rpcTimeout is that of the sidecars (--timeout of the Helm chart of
// aws-ebs-csi-driver).
const rpcTimeout = time.Minute

// mostRetries is far more than any RPC needs: then something is stuck.
const mostRetries = 200

// An rpcMethod is a method of the client as a function.
type rpcMethod[C, In, Out any] func(C, context.Context, *In, ...grpc.CallOption) (*Out, error)

// rpc calls as a sidecar does: an error that says nothing about the outcome, or
// the death of the controller, is tried again.
func rpc[C, In, Out any](w *world, name string, call rpcMethod[C, In, Out], in *In) (*Out, error) {
	pause := time.Second
	var err error
	for range mostRetries {
		var out *Out
		out, err = once(w, call, in)
		w.mu.Lock()
		w.rpcs++
		w.mu.Unlock()
		switch status.Code(err) {
		case codes.OK:
			w.mu.Lock()
			w.finished[name]++
			w.mu.Unlock()
			return out, nil
		case codes.Unavailable, codes.Aborted, codes.Canceled, codes.DeadlineExceeded:
		default:
			return nil, err
		}
		w.mu.Lock()
		w.retries++
		w.mu.Unlock()
		time.Sleep(pause)
		pause = min(2*pause, time.Minute)
	}
	return nil, fmt.Errorf("%s is still not done after %d tries: %w", name, mostRetries, err)
}

// client is the one of a process's clients that has the method.
func client[C any](p *process) C {
	if c, ok := any(p.groups).(C); ok {
		return c
	}
	return any(p.client).(C)
}

// once makes one call to the controller that runs. If that dies, nobody hears
// its answer.
func once[C, In, Out any](w *world, call rpcMethod[C, In, Out], in *In) (*Out, error) {
	type answer struct {
		out *Out
		err error
	}
	p := w.controller()
	ctx, cancel := context.WithTimeout(context.Background(), rpcTimeout)
	defer cancel()
	answered := make(chan answer, 1)
	w.group.Go(func() {
		out, err := call(client[C](p), ctx, in)
		answered <- answer{out, err}
	})
	select {
	case a := <-answered:
		if p.isDead() {
			return nil, status.Error(codes.Unavailable, "the connection was cut")
		}
		return a.out, a.err
	case <-p.dead:
		return nil, status.Error(codes.Unavailable, "the connection was cut")
	}
}

// volumesNamed are the volumes that really have a name and are not on their way
// out.
func (w *world) volumesNamed(name string) (list []ec2test.Volume) {
	for _, v := range w.ec2.Volumes() {
		if v.Tags["CSIVolumeName"] == name && v.State != "deleting" {
			list = append(list, v)
		}
	}
	return list
}

func (w *world) snapshotsNamed(name string) (list []ec2test.Snapshot) {
	for _, s := range w.ec2.Snapshots() {
		if s.Tags["CSIVolumeSnapshotName"] == name {
			list = append(list, s)
		}
	}
	return list
}

// leftovers says what is left when all is deleted.
func (w *world) leftovers() (left []string) {
	for _, v := range w.ec2.Volumes() {
		if name := v.Tags["CSIVolumeName"]; name != "" && v.State != "deleting" {
			left = append(left, fmt.Sprintf("volume %s of %s is %s", v.ID, name, v.State))
		}
	}
	for _, s := range w.ec2.Snapshots() {
		left = append(left, fmt.Sprintf("snapshot %s of %s is %s", s.ID, s.Tags["CSIVolumeSnapshotName"], s.State))
	}
	return left
}
