package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

func (d *demo) copies() chapter {
	from, restored, clone := d.grown, d.restored, d.clone
	return chapter{"Snapshot, restore to a larger volume, clone", []step{
		{"snapshotter", "CreateSnapshot of " + from.name + ", which stays mounted", d.cut},
		{podA, "writes another " + size(page) + " to " + from.name, func(context.Context) (string, error) {
			return from.write(podA, "later", 2, page)
		}},
		{"snapshotter", "ListSnapshots", d.listSnapshots},
		{"provisioner", "CreateVolume " + restored.name + ", " + size(restored.size) + ", from the snapshot", func(ctx context.Context) (string, error) {
			err := d.create(ctx, restored, fromSnapshot(d.snapshot))
			return "volume " + restored.id, err
		}},
		{"kubelet", "NodeStage and NodePublish of " + restored.name, func(ctx context.Context) (string, error) {
			return "checked, mounted beside its original, grown to the larger size", d.use(ctx, restored, podB)
		}},
		{podB, "reads what was restored", d.verifyRestored},
		{"provisioner", "CreateVolume " + clone.name + ", " + size(clone.size) + ", from " + from.name, func(ctx context.Context) (string, error) {
			clone.files = maps.Clone(from.files)
			err := d.create(ctx, clone, fromVolume(from.id))
			return "volume " + clone.id, err
		}},
		{"kubelet", "NodeStage and NodePublish of " + clone.name, func(ctx context.Context) (string, error) {
			return "ready", d.use(ctx, clone, podB)
		}},
		{podB, "reads the clone", func(context.Context) (string, error) { return clone.verify(podB) }},
		{podA, "reads the original", func(context.Context) (string, error) { return from.verify(podA) }},
	}}
}

// cut takes the snapshot and remembers what was in the volume at that time.
func (d *demo) cut(ctx context.Context) (string, error) {
	answer, err := d.driver.controller.CreateSnapshot(ctx, &csipb.CreateSnapshotRequest{
		Name: "snapshot-1", SourceVolumeId: d.grown.id})
	if err != nil {
		return "", err
	}
	s := answer.Snapshot
	if !s.ReadyToUse || s.SourceVolumeId != d.grown.id {
		return "", fmt.Errorf("ready %v, of volume %s", s.ReadyToUse, s.SourceVolumeId)
	}
	d.snapshot = s.SnapshotId
	d.restored.files = maps.Clone(d.grown.files)
	return fmt.Sprintf("snapshot %s of %s, ready to use", s.SnapshotId, size(s.SizeBytes)), nil
}

func (d *demo) listSnapshots(ctx context.Context) (string, error) {
	answer, err := d.driver.controller.ListSnapshots(ctx, &csipb.ListSnapshotsRequest{SourceVolumeId: d.grown.id})
	if err != nil {
		return "", err
	}
	if len(answer.Entries) != 1 || answer.Entries[0].Snapshot.SnapshotId != d.snapshot {
		return "", fmt.Errorf("it lists %v", answer.Entries)
	}
	return "one snapshot of " + d.grown.name, nil
}

// verifyRestored checks that the restored volume has what was there when the
// snapshot was cut, nothing that came later, and its own larger size.
func (d *demo) verifyRestored(ctx context.Context) (string, error) {
	v := d.restored
	told, err := v.verify(podB)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(v.path(podB, "later")); !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("what was written after the snapshot is in it, too (%v)", err)
	}
	total, _, err := d.total(ctx, v, podB)
	if err == nil && total < v.size*9/10 {
		err = fmt.Errorf("the file system has only %s of %s", size(total), size(v.size))
	}
	return told + "; what came later is not in it; " + size(total) + " in all", err
}
