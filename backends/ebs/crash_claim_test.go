package ebs_test

import (
	"cmp"
	"fmt"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// A claim is a volume as a cluster sees it. Its methods are what the sidecars
// do with it until they get an answer, and compare the answer with what EC2
// really has.
type claim struct {
	w          *world
	name       string
	parameters map[string]string
	source     *csipb.VolumeContentSource
	id         string
	context    map[string]string
	gib        int64
}

var oneWriter = &csipb.VolumeCapability{
	AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
	AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{FsType: "ext4"}},
}

func (c *claim) create() error {
	out, err := rpc(c.w, "CreateVolume", csipb.ControllerClient.CreateVolume, &csipb.CreateVolumeRequest{
		Name: c.name, CapacityRange: &csipb.CapacityRange{RequiredBytes: c.gib * gib}, Parameters: c.parameters,
		VolumeCapabilities: []*csipb.VolumeCapability{oneWriter}, VolumeContentSource: c.source,
		AccessibilityRequirements: &csipb.TopologyRequirement{Requisite: []*csipb.Topology{{Segments: map[string]string{"topology.kubernetes.io/zone": zoneA}}}},
	})
	if err != nil {
		return fmt.Errorf("create %s: %w", c.name, err)
	}
	c.id, c.context = out.GetVolume().GetVolumeId(), out.GetVolume().GetVolumeContext()
	list := c.w.volumesNamed(c.name)
	switch {
	case len(list) != 1 || list[0].ID != c.id:
		return fmt.Errorf("create %s was answered with %s, and EC2 has %d volumes of that name: %v", c.name, c.id, len(list), list)
	case list[0].State != "available":
		return fmt.Errorf("create %s was answered, and %s is %s", c.name, c.id, list[0].State)
	case list[0].Size < c.gib || list[0].Zone != zoneA || list[0].SnapshotID != c.source.GetSnapshot().GetSnapshotId() || list[0].SourceVolumeID != c.source.GetVolume().GetVolumeId():
		return fmt.Errorf("create %s was answered, and it is another one: %+v", c.name, list[0])
	}
	return nil
}

func (c *claim) remove() error {
	if _, err := rpc(c.w, "DeleteVolume", csipb.ControllerClient.DeleteVolume, &csipb.DeleteVolumeRequest{VolumeId: c.id}); err != nil {
		return fmt.Errorf("delete %s (%s): %w", c.name, c.id, err)
	}
	if list := c.w.volumesNamed(c.name); len(list) > 0 {
		return fmt.Errorf("delete %s was answered, and EC2 still has %v", c.name, list)
	}
	return nil
}

func (c *claim) attach(node string) error {
	out, err := rpc(c.w, "ControllerPublishVolume", csipb.ControllerClient.ControllerPublishVolume, &csipb.ControllerPublishVolumeRequest{
		VolumeId: c.id, NodeId: node, VolumeCapability: oneWriter,
	})
	if err != nil {
		return fmt.Errorf("attach %s (%s) to %s: %w", c.name, c.id, node, err)
	}
	v, _ := c.w.ec2.Volume(c.id)
	if len(v.Attachments) != 1 || v.Attachments[0].InstanceID != node || v.Attachments[0].State != "attached" || v.Attachments[0].Device != out.GetPublishContext()["devicePath"] {
		return fmt.Errorf("attach %s (%s) to %s was answered with %v, and EC2 has %+v", c.name, c.id, node, out.GetPublishContext(), v.Attachments)
	}
	return nil
}

func (c *claim) detach(node string) error {
	if _, err := rpc(c.w, "ControllerUnpublishVolume", csipb.ControllerClient.ControllerUnpublishVolume, &csipb.ControllerUnpublishVolumeRequest{VolumeId: c.id, NodeId: node}); err != nil {
		return fmt.Errorf("detach %s (%s) from %s: %w", c.name, c.id, cmp.Or(node, "all nodes"), err)
	}
	v, _ := c.w.ec2.Volume(c.id)
	for _, a := range v.Attachments {
		if node == "" || a.InstanceID == node {
			return fmt.Errorf("detach %s (%s) was answered, and EC2 has %+v", c.name, c.id, a)
		}
	}
	return nil
}

func (c *claim) expand(to int64) error {
	out, err := rpc(c.w, "ControllerExpandVolume", csipb.ControllerClient.ControllerExpandVolume, &csipb.ControllerExpandVolumeRequest{
		VolumeId: c.id, CapacityRange: &csipb.CapacityRange{RequiredBytes: to * gib}, VolumeCapability: oneWriter,
	})
	if err != nil {
		return fmt.Errorf("expand %s (%s) to %d GiB: %w", c.name, c.id, to, err)
	}
	if v, _ := c.w.ec2.Volume(c.id); v.Size != to || out.GetCapacityBytes() != to*gib {
		return fmt.Errorf("expand %s (%s) was answered with %d bytes, and EC2 has %d GiB, not %d", c.name, c.id, out.GetCapacityBytes(), v.Size, to)
	}
	c.gib = to
	return nil
}

func (c *claim) modify(key, value string, have func(ec2test.Volume) string) error {
	if _, err := rpc(c.w, "ControllerModifyVolume", csipb.ControllerClient.ControllerModifyVolume, &csipb.ControllerModifyVolumeRequest{
		VolumeId: c.id, MutableParameters: map[string]string{key: value},
	}); err != nil {
		return fmt.Errorf("modify %s (%s) to %s=%s: %w", c.name, c.id, key, value, err)
	}
	if v, _ := c.w.ec2.Volume(c.id); have(v) != value {
		return fmt.Errorf("modify %s (%s) to %s=%s was answered, and EC2 has %s", c.name, c.id, key, value, have(v))
	}
	return nil
}

// A cut is a snapshot as a cluster sees it.
type cut struct {
	w          *world
	name, of   string
	parameters map[string]string
	id         string
}

// create calls until the snapshot is ready, as the sidecar does.
func (c *cut) create() error {
	for ready := false; !ready; {
		out, err := rpc(c.w, "CreateSnapshot", csipb.ControllerClient.CreateSnapshot, &csipb.CreateSnapshotRequest{Name: c.name, SourceVolumeId: c.of, Parameters: c.parameters})
		if err != nil {
			return fmt.Errorf("snapshot %s of %s: %w", c.name, c.of, err)
		}
		got := out.GetSnapshot()
		list := c.w.snapshotsNamed(c.name)
		if len(list) != 1 || list[0].ID != got.GetSnapshotId() || list[0].VolumeID != c.of || c.id != "" && c.id != got.GetSnapshotId() {
			return fmt.Errorf("snapshot %s was answered with %s (before: %q), and EC2 has %d of that name: %+v", c.name, got.GetSnapshotId(), c.id, len(list), list)
		}
		if c.parameters["lockMode"] != "" && list[0].Lock == nil {
			return fmt.Errorf("snapshot %s was answered, and is not locked", c.name)
		}
		if c.parameters["fastSnapshotRestoreAvailabilityZones"] != "" && len(list[0].FastRestores) != 1 {
			return fmt.Errorf("snapshot %s was answered, and fast snapshot restore is off", c.name)
		}
		c.id, ready = got.GetSnapshotId(), got.GetReadyToUse()
		if !ready {
			time.Sleep(2*time.Second + c.w.draw(8*time.Second))
		}
	}
	return nil
}

func (c *cut) source() *csipb.VolumeContentSource {
	return &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Snapshot{Snapshot: &csipb.VolumeContentSource_SnapshotSource{SnapshotId: c.id}}}
}

func (c *claim) asSource() *csipb.VolumeContentSource {
	return &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Volume{Volume: &csipb.VolumeContentSource_VolumeSource{VolumeId: c.id}}}
}

func (c *cut) remove() error {
	if _, err := rpc(c.w, "DeleteSnapshot", csipb.ControllerClient.DeleteSnapshot, &csipb.DeleteSnapshotRequest{SnapshotId: c.id}); err != nil {
		return fmt.Errorf("delete snapshot %s (%s): %w", c.name, c.id, err)
	}
	if list := c.w.snapshotsNamed(c.name); len(list) > 0 {
		return fmt.Errorf("delete snapshot %s was answered, and EC2 still has %+v", c.name, list)
	}
	return nil
}
