package main

import (
	"context"
	"fmt"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// topologyKey is the key of the driver's topology: the node.
const topologyKey = "topology." + driverName + "/node"

// request is what external-provisioner asks for a claim that is bound to this
// node.
func (v *volume) request() *csipb.CreateVolumeRequest {
	here := []*csipb.Topology{{Segments: map[string]string{topologyKey: nodeName}}}
	return &csipb.CreateVolumeRequest{
		Name:                      v.name,
		CapacityRange:             &csipb.CapacityRange{RequiredBytes: v.size},
		VolumeCapabilities:        []*csipb.VolumeCapability{v.capability()},
		AccessibilityRequirements: &csipb.TopologyRequirement{Requisite: here, Preferred: here},
	}
}

// create makes a volume, from a source if one is given, and checks the answer
// as external-provisioner does.
func (d *demo) create(ctx context.Context, v *volume, from *csipb.VolumeContentSource) error {
	request := v.request()
	request.VolumeContentSource = from
	answer, err := d.driver.controller.CreateVolume(ctx, request)
	if err != nil {
		return err
	}
	made := answer.Volume
	switch {
	case v.id != "" && v.id != made.VolumeId:
		return fmt.Errorf("a second volume %s was made beside %s", made.VolumeId, v.id)
	case made.CapacityBytes < v.size:
		return fmt.Errorf("%d bytes were asked for, %d were granted", v.size, made.CapacityBytes)
	case from != nil && made.ContentSource == nil:
		return fmt.Errorf("the volume does not say what it was made from")
	}
	v.id, v.context, v.size = made.VolumeId, made.VolumeContext, made.CapacityBytes
	return nil
}

func fromSnapshot(id string) *csipb.VolumeContentSource {
	return &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Snapshot{
		Snapshot: &csipb.VolumeContentSource_SnapshotSource{SnapshotId: id}}}
}

func fromVolume(id string) *csipb.VolumeContentSource {
	return &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Volume{
		Volume: &csipb.VolumeContentSource_VolumeSource{VolumeId: id}}}
}

// remove deletes a volume, twice: the second time must succeed too.
func (d *demo) remove(ctx context.Context, v *volume) error {
	for range 2 {
		if _, err := d.driver.controller.DeleteVolume(ctx, &csipb.DeleteVolumeRequest{VolumeId: v.id}); err != nil {
			return err
		}
	}
	return nil
}

// list pages through all volumes, two at a time.
func (d *demo) list(ctx context.Context) (ids []string, pages int, err error) {
	token := ""
	for {
		answer, err := d.driver.controller.ListVolumes(ctx, &csipb.ListVolumesRequest{MaxEntries: 2, StartingToken: token})
		if err != nil {
			return nil, 0, err
		}
		pages++
		for _, e := range answer.Entries {
			ids = append(ids, e.Volume.VolumeId)
		}
		if token = answer.NextToken; token == "" {
			return ids, pages, nil
		}
	}
}

func (d *demo) capacity(ctx context.Context) (int64, error) {
	answer, err := d.driver.controller.GetCapacity(ctx, &csipb.GetCapacityRequest{
		AccessibleTopology: &csipb.Topology{Segments: map[string]string{topologyKey: nodeName}}})
	return answer.GetAvailableCapacity(), err
}
