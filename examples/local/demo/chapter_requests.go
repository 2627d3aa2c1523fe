package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

func (d *demo) listing() chapter {
	return chapter{"What is there, and how much room is left", []step{
		{"monitoring", "ListVolumes, two per page", func(ctx context.Context) (string, error) {
			got, pages, err := d.list(ctx)
			if err != nil {
				return "", err
			}
			var want []string
			for _, v := range []*volume{d.data, d.grown, d.restored, d.clone, d.raw} {
				want = append(want, v.id)
			}
			slices.Sort(want)
			if !slices.Equal(got, want) {
				err = fmt.Errorf("listed are %v, not %v", got, want)
			}
			return fmt.Sprintf("%d volumes on %d pages", len(got), pages), err
		}},
		{"provisioner", "GetCapacity of this node", func(ctx context.Context) (string, error) {
			free, err := d.capacity(ctx)
			if err == nil && free <= 0 {
				err = errors.New("no capacity is left")
			}
			return size(free) + " can still be promised", err
		}},
	}}
}

// message is an error as an operator reads it in an event.
func message(err error) string {
	return fmt.Sprintf("%v: %s", status.Code(err), status.Convert(err).Message())
}

// A wrong request and the code that answers it. Sidecars and the kubelet decide
// by the code whether to retry, to give up or to try another node.
type wrong struct {
	what string
	code codes.Code
	ask  func(context.Context) error
}

func (d *demo) wrongRequests() chapter {
	c := chapter{title: "Wrong requests get errors that say what to do"}
	for _, w := range append(d.wrongCreations(), d.wrongUses()...) {
		c.steps = append(c.steps, step{"anybody", w.what, func(ctx context.Context) (string, error) {
			err := w.ask(ctx)
			if got := status.Code(err); got != w.code {
				return "", fmt.Errorf("answered %v instead of %v: %w", got, w.code, err)
			}
			return message(err), nil
		}})
	}
	return c
}

func (d *demo) wrongCreations() []wrong {
	ask := func(change func(*csipb.CreateVolumeRequest)) func(context.Context) error {
		return func(ctx context.Context) error {
			r := newVolume("wrong", "ext4", gib).request()
			change(r)
			_, err := d.driver.controller.CreateVolume(ctx, r)
			return err
		}
	}
	return []wrong{
		{"CreateVolume without a name", codes.InvalidArgument, ask(func(r *csipb.CreateVolumeRequest) { r.Name = "" })},
		{"CreateVolume of at least 2 GiB and at most 1 GiB", codes.OutOfRange, ask(func(r *csipb.CreateVolumeRequest) {
			r.CapacityRange = &csipb.CapacityRange{RequiredBytes: 2 * gib, LimitBytes: gib}
		})},
		{"CreateVolume " + d.data.name + " with another size", codes.AlreadyExists, ask(func(r *csipb.CreateVolumeRequest) {
			r.Name, r.CapacityRange = d.data.name, &csipb.CapacityRange{RequiredBytes: 50 * gib}
		})},
		{"CreateVolume for a node that is not this one", codes.ResourceExhausted, ask(func(r *csipb.CreateVolumeRequest) {
			there := []*csipb.Topology{{Segments: map[string]string{topologyKey: "another-node"}}}
			r.AccessibilityRequirements = &csipb.TopologyRequirement{Requisite: there, Preferred: there}
		})},
		{"CreateVolume of 1 PiB", codes.ResourceExhausted, ask(func(r *csipb.CreateVolumeRequest) {
			r.CapacityRange = &csipb.CapacityRange{RequiredBytes: 1 << 50}
		})},
		{"CreateVolume from a snapshot that does not exist", codes.NotFound, ask(func(r *csipb.CreateVolumeRequest) {
			r.VolumeContentSource = fromSnapshot("no-such-snapshot")
		})},
	}
}

func (d *demo) wrongUses() []wrong {
	return []wrong{
		{"DeleteVolume " + d.data.name + " while it is mounted", codes.FailedPrecondition, func(ctx context.Context) error {
			_, err := d.driver.controller.DeleteVolume(ctx, &csipb.DeleteVolumeRequest{VolumeId: d.data.id})
			return err
		}},
		{"NodeStageVolume of a volume that does not exist", codes.NotFound, func(ctx context.Context) error {
			v := newVolume("ghost", "ext4", gib)
			v.id = "no-such-volume"
			return d.stage(ctx, v)
		}},
		{"NodePublishVolume " + d.data.name + " to the same pod, now read-only", codes.AlreadyExists, func(ctx context.Context) error {
			r := &csipb.NodePublishVolumeRequest{VolumeId: d.data.id, StagingTargetPath: d.data.staging(d.dir),
				TargetPath: d.data.published[podA], VolumeCapability: d.data.capability(), VolumeContext: d.data.context, Readonly: true}
			_, err := d.driver.node.NodePublishVolume(ctx, r)
			return err
		}},
		{"ListVolumes from a page that was never given out", codes.Aborted, func(ctx context.Context) error {
			_, err := d.driver.controller.ListVolumes(ctx, &csipb.ListVolumesRequest{StartingToken: "no such page"})
			return err
		}},
	}
}
