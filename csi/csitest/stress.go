package csitest

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/looptest"
)

const (
	stressWorkers = 64
	stressVolumes = 8
	stressPods    = 3
	stressTime    = 5 * time.Second
	// stressPatience is how much longer it goes on where an RPC has not
	// worked yet: a busy machine does little in five seconds.
	stressPatience = time.Minute
)

// Stress lets 64 goroutines create, attach, stage, publish, unpublish,
// unstage, detach and delete 8 volumes in random order for a while, some of
// them with deadlines too short to be met. Every error must have a code that
// the spec documents, every RPC must have worked at times, and in the end no
// volume, mount, file, operation or goroutine may be left.
//
// A duration of 0 is that of the environment variable CSIKIT_STRESS, such as
// 60s, or else 5 seconds. The seed is in the log; CSIKIT_SEED sets it.
func Stress(t *testing.T, h Harness, duration time.Duration) {
	t.Helper()
	if h.Devices {
		looptest.NeedRoot(t)
	}
	s := newSession(t, h, "whatever happens at once, errors have documented codes and nothing is left (spec.md, Error Scheme)")
	defer s.close()
	s.start()
	if duration == 0 {
		duration = envDuration(t)
	}
	x := &stress{s: s, contexts: map[*volume]map[string]string{}, counts: map[string]map[codes.Code]int{}, said: map[string]string{}}
	seed := envSeed(t)
	t.Logf("stress: %d goroutines, %d volumes, %v, CSIKIT_SEED=%d", stressWorkers, stressVolumes, duration, seed)
	x.run(duration, seed)
	x.noneStacked()
	s.cleanUp()
	x.report(duration)
}

func envDuration(t *testing.T) time.Duration {
	text := os.Getenv("CSIKIT_STRESS")
	if text == "" {
		return stressTime
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CSIKIT_STRESS: %v; give a duration such as 60s", err)
	}
	return d
}

func envSeed(t *testing.T) uint64 {
	text := os.Getenv("CSIKIT_SEED")
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("CSIKIT_SEED: %v; give a number", err)
	}
	return seed
}

// stress is one run: the volumes by slot, and what the RPCs answered.
type stress struct {
	s        *session
	mu       sync.Mutex
	slots    [stressVolumes]*volume
	contexts map[*volume]map[string]string // publish contexts
	counts   map[string]map[codes.Code]int
	said     map[string]string // the first message of each RPC and code
}

// run works until the time is over and every RPC has worked. Workers end by
// themselves: no call is interrupted but by its own deadline.
func (x *stress) run(duration time.Duration, seed uint64) {
	end := time.Now().Add(duration)
	goOn := func() bool {
		late := time.Since(end)
		return late < 0 || late < stressPatience && len(x.idle()) > 0
	}
	var wg sync.WaitGroup
	for worker := range stressWorkers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(worker)))
			for goOn() {
				x.step(random)
			}
		})
	}
	wg.Wait()
}

// idle lists the RPCs that were tried and never worked.
func (x *stress) idle() (rpcs []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, rpc := range keys(x.counts) {
		if x.counts[rpc][codes.OK] == 0 {
			rpcs = append(rpcs, rpc)
		}
	}
	return rpcs
}

// noneStacked proves that no target has more than one mount, where mounts are
// real: package mounttest never stacks.
func (x *stress) noneStacked() {
	if !x.s.h.Devices {
		return
	}
	for _, o := range x.s.objects {
		if v, ok := o.(*volume); ok {
			for _, target := range v.targets {
				x.s.invariants(invariant.Targets(invariant.Target{Path: target}))
			}
		}
	}
}

// step sends one random RPC.
func (x *stress) step(random *rand.Rand) {
	ctx, cancel := x.s.ctx(), func() {}
	if random.IntN(8) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(20))*time.Millisecond)
	}
	defer cancel()
	slot := random.IntN(stressVolumes)
	v, published := x.slot(slot)
	if v == nil || random.IntN(8) == 0 {
		x.create(ctx, slot)
		return
	}
	target := v.targets[random.IntN(stressPods)]
	calls := x.calls(ctx, v, target, published)
	call := calls[random.IntN(len(calls))]
	x.count(call.rpc, call.run())
}

// slot returns a volume and its publish context.
func (x *stress) slot(i int) (*volume, map[string]string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.slots[i] == nil {
		return nil, nil
	}
	return x.slots[i], x.contexts[x.slots[i]]
}

// create makes the volume of a slot. Every volume that was ever made is
// remembered for the clean-up.
func (x *stress) create(ctx context.Context, slot int) {
	r := x.s.stressRequest(slot)
	resp, err := x.s.controller.CreateVolume(ctx, r)
	x.count("CreateVolume", err)
	if err != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	v := x.s.adopt(r, resp)
	if v.nodes == nil {
		v.dir = v.GetVolumeId()
		v.nodes = []string{x.s.nodeID}
		for pod := range stressPods {
			v.targets = append(v.targets, x.s.path("pods", strconv.Itoa(pod), filepath.Base(v.dir), "mount"))
		}
	}
	x.slots[slot] = v
}

// stressRequest is the request for the volume of a slot.
func (s *session) stressRequest(slot int) *csipb.CreateVolumeRequest {
	mode := s.mode()
	if m := s.findMode(func(m csi.AccessMode) bool { return m == csi.SingleNodeMultiWriter }); m != 0 {
		mode = m
	}
	return &csipb.CreateVolumeRequest{
		Name: "stress-" + strconv.Itoa(slot), Parameters: s.h.Parameters, Secrets: s.h.secrets(),
		CapacityRange:      &csipb.CapacityRange{RequiredBytes: s.h.size()},
		VolumeCapabilities: []*csipb.VolumeCapability{s.capability(mode)},
	}
}

func (x *stress) count(rpc string, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.counts[rpc] == nil {
		x.counts[rpc] = map[codes.Code]int{}
	}
	code := status.Code(err)
	x.counts[rpc][code]++
	if key := rpc + " " + code.String(); x.said[key] == "" {
		x.said[key] = status.Convert(err).Message()
	}
	if !stressCodes[code] {
		x.s.Errorf("%s: code %v is not documented for it: %v", rpc, code, err)
	}
}
