package ebs_test

import (
	"fmt"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// A groupCut is a group snapshot as a cluster sees it.
type groupCut struct {
	w    *world
	name string
	of   []string
	got  *csipb.VolumeGroupSnapshot
}

func (c *groupCut) there() (list []ec2test.Snapshot) {
	for _, s := range c.w.ec2.Snapshots() {
		if s.Tags["CSIVolumeGroupSnapshotName"] == c.name {
			list = append(list, s)
		}
	}
	return list
}

// create calls until the group is ready, as the sidecar does.
func (c *groupCut) create() error {
	for ready := false; !ready; {
		out, err := rpc(c.w, "CreateVolumeGroupSnapshot", csipb.GroupControllerClient.CreateVolumeGroupSnapshot, &csipb.CreateVolumeGroupSnapshotRequest{Name: c.name, SourceVolumeIds: c.of})
		if err != nil {
			return fmt.Errorf("group %s of %v: %w", c.name, c.of, err)
		}
		got := out.GetGroupSnapshot()
		if list := c.there(); len(list) != len(c.of) || len(got.GetSnapshots()) != len(c.of) || c.got != nil && c.got.GetGroupSnapshotId() != got.GetGroupSnapshotId() {
			return fmt.Errorf("group %s was answered with %v (before: %v), and EC2 has %d snapshots of it: %+v", c.name, got, c.got, len(list), list)
		}
		if c.got, ready = got, got.GetReadyToUse(); !ready {
			time.Sleep(2*time.Second + c.w.draw(8*time.Second))
		}
	}
	return nil
}

func (c *groupCut) remove() error {
	r := &csipb.DeleteVolumeGroupSnapshotRequest{GroupSnapshotId: c.got.GetGroupSnapshotId()}
	for _, s := range c.got.GetSnapshots() {
		r.SnapshotIds = append(r.SnapshotIds, s.GetSnapshotId())
	}
	if _, err := rpc(c.w, "DeleteVolumeGroupSnapshot", csipb.GroupControllerClient.DeleteVolumeGroupSnapshot, r); err != nil {
		return fmt.Errorf("delete group %s: %w", c.name, err)
	}
	if list := c.there(); len(list) > 0 {
		return fmt.Errorf("delete group %s was answered, and EC2 still has %+v", c.name, list)
	}
	return nil
}
