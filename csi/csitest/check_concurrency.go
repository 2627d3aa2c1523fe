package csitest

import (
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// shortDeadline is that of RPCs that are expected not to get their turn.
const shortDeadline = 2 * time.Second

var concurrencyChecks = []check{
	{"Rule1/SixteenParallelCreates", "sixteen CreateVolume of one name at once make one volume (spec.md, CreateVolume)", []need{provisions}, parallelCreates},
	{"Rule1/ParallelNames", "CreateVolume of many names at once makes as many volumes (csi.Provisioner)", []need{provisions}, parallelNames},
	{"Rule15/SixteenParallelSnapshots", "sixteen CreateSnapshot of one name at once cut one snapshot (spec.md, CreateSnapshot)", []need{provisions, snapshots}, parallelSnapshots},
	{"Rule22/ParallelPublishes", "a volume is published to many pods at once (contract ruling 10)", []need{provisions, mountMode(csi.SingleNodeMultiWriter)}, parallelPublishes},
	{"Rule31/CancelledCreateGoesOn", "a CreateVolume whose caller leaves goes on, and a retry gets its volume (spec.md, Timeouts)", []need{provisions}, cancelledCreate},
	{"Rule31/IdenticalJoins", "an identical retry joins the running operation: the backend is called once (contract ruling 11)", []need{provisions}, identicalJoins},
	{"Rule31/PendingIsAborted", "a different request for a busy volume is ABORTED before its deadline, and the message names the RPC that holds it (spec.md, ABORTED)", []need{provisions}, pendingIsAborted},
	{"Rule31/ReadsDoNotWait", "reads are answered while an operation of the same volume runs (contract ruling 8)", []need{provisions}, readsDoNotWait},
}

// eachTry calls the same RPC n times at once, retries what is ABORTED, and
// returns the answers.
func eachTry[T any](s *session, n int, call func(i int) (T, error)) []T {
	s.Helper()
	answers, errs := make([]T, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			answers[i], errs[i] = call(i)
			for status.Code(errs[i]) == codes.Aborted && s.Context().Err() == nil {
				answers[i], errs[i] = call(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		s.must("one of many calls at once", err)
	}
	return answers
}

func parallelCreates(s *session) {
	r := s.createRequest()
	ids := map[string]bool{}
	for _, resp := range eachTry(s, 16, func(int) (*csipb.CreateVolumeResponse, error) { return s.controller.CreateVolume(s.ctx(), r) }) {
		s.adopt(r, resp)
		ids[resp.GetVolume().GetVolumeId()] = true
	}
	if len(ids) != 1 {
		s.Errorf("the volumes %v were made for one name", keys(ids))
	}
}

func parallelNames(s *session) {
	const n = 4
	var requests []*csipb.CreateVolumeRequest
	for range n {
		requests = append(requests, s.createRequest())
	}
	ids := map[string]bool{}
	for i, resp := range eachTry(s, n, func(i int) (*csipb.CreateVolumeResponse, error) {
		return s.controller.CreateVolume(s.ctx(), requests[i])
	}) {
		s.adopt(requests[i], resp)
		ids[resp.GetVolume().GetVolumeId()] = true
	}
	if len(ids) != n {
		s.Errorf("the volumes %v were made for %d names", keys(ids), n)
	}
}

func parallelSnapshots(s *session) {
	r := s.create().snapshotRequest()
	ids := map[string]bool{}
	for _, resp := range eachTry(s, 16, func(int) (*csipb.CreateSnapshotResponse, error) { return s.controller.CreateSnapshot(s.ctx(), r) }) {
		s.adoptSnapshot(r, resp)
		ids[resp.GetSnapshot().GetSnapshotId()] = true
	}
	if len(ids) != 1 {
		s.Errorf("the snapshots %v were cut for one name", keys(ids))
	}
}

func parallelPublishes(s *session) {
	v := s.createMode(csi.SingleNodeMultiWriter).stage()
	var requests []*csipb.NodePublishVolumeRequest
	for range 8 {
		requests = append(requests, v.publishRequest(s.name("pod")))
	}
	eachTry(s, len(requests), func(i int) (*csipb.NodePublishVolumeResponse, error) {
		return s.node.NodePublishVolume(s.ctx(), requests[i])
	})
	for _, r := range requests {
		s.mounted(r.GetTargetPath())
	}
}

// A stop holds the next call of the backend that has a name, until it is let
// go or its context ends.
type stop struct {
	call    string
	reached chan context.Context // gets the call's context
	release chan struct{}
	once    sync.Once
	calls   int // how often it was called; read after the release
}

// hold makes the backend's next call of that name wait.
func (s *session) hold(call string) *stop {
	h := &stop{call: call, reached: make(chan context.Context, 1), release: make(chan struct{})}
	var mu sync.Mutex
	s.faults.setBefore(func(ctx context.Context, name, _ string) error {
		if name != call {
			return nil
		}
		mu.Lock()
		h.calls++
		first := h.calls == 1
		mu.Unlock()
		if !first {
			return nil
		}
		h.reached <- ctx
		select {
		case <-h.release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return h
}

// await returns the context of the held call.
func (h *stop) await(s *session) context.Context {
	s.Helper()
	select {
	case ctx := <-h.reached:
		return ctx
	case <-s.Context().Done():
	case <-time.After(rpcTimeout):
	}
	s.Fatalf("the backend's %s was not called", h.call)
	return nil
}

func (h *stop) letGo() { h.once.Do(func() { close(h.release) }) }

// async sends a request and returns where its error arrives.
func async(call func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	return done
}

func cancelledCreate(s *session) {
	r, h := s.createRequest(), s.hold("CreateVolume")
	defer h.letGo()
	ctx, cancel := context.WithCancel(s.ctx())
	done := async(func() error { _, err := s.controller.CreateVolume(ctx, r); return err })
	running := h.await(s)
	cancel()
	s.wantCode("CreateVolume whose caller left", <-done, codes.Canceled)
	retry := make(chan *csipb.CreateVolumeResponse, 1)
	failed := async(func() error { resp, err := s.controller.CreateVolume(s.ctx(), r); retry <- resp; return err })
	if running.Err() != nil {
		s.Errorf("the backend's context ended with its caller: %v", context.Cause(running))
	}
	h.letGo()
	s.must("CreateVolume again", <-failed)
	v := s.adopt(r, <-retry)
	again, err := s.controller.CreateVolume(s.ctx(), r)
	s.must("CreateVolume a third time", err)
	if s.adopt(r, again) != v {
		s.Errorf("the retries got the volumes %s and %s", v.GetVolumeId(), again.GetVolume().GetVolumeId())
	}
}

func identicalJoins(s *session) {
	r, h := s.createRequest(), s.hold("CreateVolume")
	defer h.letGo()
	first := make(chan *csipb.CreateVolumeResponse, 2)
	call := func() error { resp, err := s.controller.CreateVolume(s.ctx(), r); first <- resp; return err }
	one := async(call)
	h.await(s)
	two := async(call)
	s.waiters(2)
	h.letGo()
	s.must("CreateVolume", <-one)
	s.must("CreateVolume that joined", <-two)
	s.adopt(r, <-first)
	s.adopt(r, <-first)
	if h.calls != 1 {
		s.Errorf("the backend's CreateVolume was called %d times for two identical requests", h.calls)
	}
}

// waiters waits until n RPCs wait for the driver's operations.
func (s *session) waiters(n int) {
	s.Helper()
	for {
		have := 0
		for _, o := range s.driver.Operations() {
			have += len(o.Requests)
		}
		if have >= n {
			return
		}
		s.pause("RPCs to join an operation")
	}
}

func pendingIsAborted(s *session) {
	r, h := s.createRequest(), s.hold("CreateVolume")
	defer h.letGo()
	done := async(func() error {
		resp, err := s.controller.CreateVolume(s.ctx(), r)
		if err == nil {
			s.adopt(r, resp)
		}
		return err
	})
	h.await(s)
	other := edited(r, func(r *csipb.CreateVolumeRequest) { r.CapacityRange = nil })
	ctx, cancel := context.WithTimeout(s.ctx(), shortDeadline)
	defer cancel()
	_, err := s.controller.CreateVolume(ctx, other)
	s.wantCode("CreateVolume of a busy name, otherwise", err, codes.Aborted)
	if message := status.Convert(err).Message(); !strings.Contains(message, "CreateVolume") {
		s.Errorf("the message does not name the RPC that holds the volume: %s", message)
	}
	h.letGo()
	s.must("CreateVolume", <-done)
}

func readsDoNotWait(s *session) {
	v := s.create()
	h := s.hold("DeleteVolume")
	defer h.letGo()
	done := async(func() error { _, err := s.controller.DeleteVolume(s.ctx(), v.deleteRequest()); return err })
	h.await(s)
	ctx, cancel := context.WithTimeout(s.ctx(), rpcTimeout/4)
	defer cancel()
	_, err := s.controller.ValidateVolumeCapabilities(ctx, v.validateRequest(v.cap))
	s.wantCode("ValidateVolumeCapabilities during DeleteVolume", err, codes.OK, codes.NotFound)
	_, err = s.identity.Probe(ctx, &csipb.ProbeRequest{})
	s.wantCode("Probe during DeleteVolume", err, codes.OK)
	h.letGo()
	s.must("DeleteVolume", <-done)
}
