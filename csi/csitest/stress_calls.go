package csitest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// stressCodes are what an RPC may answer when others undo what it needs. A
// deadline or a lost answer is in the client; INTERNAL, UNKNOWN and
// INVALID_ARGUMENT would be a fault.
var stressCodes = map[codes.Code]bool{
	codes.OK: true, codes.Aborted: true, codes.NotFound: true, codes.AlreadyExists: true, codes.FailedPrecondition: true,
	codes.Unavailable: true, codes.Canceled: true, codes.DeadlineExceeded: true,
}

// calls are the RPCs that can be sent for a volume; those that bring it up are
// there twice.
func (x *stress) calls(ctx context.Context, v *volume, target string, published map[string]string) []step {
	s := x.s
	publish := func() error {
		r := v.publishAt(target, func(r *csipb.NodePublishVolumeRequest) { r.PublishContext = published })
		_, err := s.node.NodePublishVolume(ctx, r)
		return err
	}
	calls := []step{
		{rpc: "NodePublishVolume", run: publish},
		{rpc: "NodePublishVolume", run: publish},
		{rpc: "NodeUnpublishVolume", run: func() error {
			_, err := s.node.NodeUnpublishVolume(ctx, v.unpublishRequest(target))
			return err
		}},
		{rpc: "DeleteVolume", run: func() error { _, err := s.controller.DeleteVolume(ctx, v.deleteRequest()); return err }},
	}
	if stages.met(s) {
		stage := func() error {
			_, err := s.node.NodeStageVolume(ctx, v.stageRequest(func(r *csipb.NodeStageVolumeRequest) { r.PublishContext = published }))
			return err
		}
		calls = append(calls, step{rpc: "NodeStageVolume", run: stage}, step{rpc: "NodeStageVolume", run: stage},
			step{rpc: "NodeUnstageVolume", run: func() error { _, err := s.node.NodeUnstageVolume(ctx, v.unstageRequest()); return err }})
	}
	if tellsStats.met(s) {
		calls = append(calls, step{rpc: "NodeGetVolumeStats", run: func() error {
			_, err := s.node.NodeGetVolumeStats(ctx, &csipb.NodeGetVolumeStatsRequest{VolumeId: v.GetVolumeId(), VolumePath: target})
			return err
		}})
	}
	return append(calls, x.attachCalls(ctx, v)...)
}

func (x *stress) attachCalls(ctx context.Context, v *volume) []step {
	if !attaches.met(x.s) {
		return nil
	}
	attach := func() error {
		resp, err := x.s.controller.ControllerPublishVolume(ctx, v.attachRequest(x.s.nodeID))
		if err == nil {
			x.mu.Lock()
			x.contexts[v] = resp.GetPublishContext()
			x.mu.Unlock()
		}
		return err
	}
	return []step{
		{rpc: "ControllerPublishVolume", run: attach}, {rpc: "ControllerPublishVolume", run: attach},
		{rpc: "ControllerUnpublishVolume", run: func() error {
			_, err := x.s.controller.ControllerUnpublishVolume(ctx, v.detachRequest(x.s.nodeID))
			return err
		}},
	}
}

// report logs what the RPCs answered. An RPC that never worked was not tested.
func (x *stress) report(duration time.Duration) {
	total := 0
	var lines, examples []string
	for _, rpc := range keys(x.counts) {
		var line []string
		for _, code := range slices.Sorted(maps.Keys(x.counts[rpc])) {
			total += x.counts[rpc][code]
			line = append(line, fmt.Sprintf("%v %d", code, x.counts[rpc][code]))
			if code == codes.Unavailable {
				examples = append(examples, fmt.Sprintf("  %s %v, first: %s", rpc, code, x.said[rpc+" "+code.String()]))
			}
		}
		lines = append(lines, fmt.Sprintf("  %-26s %s", rpc, strings.Join(line, ", ")))
	}
	for _, rpc := range x.idle() {
		x.s.Errorf("%s never worked", rpc)
	}
	x.s.Logf("%d RPCs in %v\n%s", total, duration, strings.Join(append(lines, examples...), "\n"))
}
