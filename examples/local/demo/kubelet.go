package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// stage makes the staging directory, as the kubelet does, and asks for
// NodeStageVolume.
func (d *demo) stage(ctx context.Context, v *volume) error {
	if err := os.MkdirAll(v.staging(d.dir), 0o750); err != nil {
		return err
	}
	_, err := d.driver.node.NodeStageVolume(ctx, &csipb.NodeStageVolumeRequest{
		VolumeId:          v.id,
		StagingTargetPath: v.staging(d.dir),
		VolumeCapability:  v.capability(),
		VolumeContext:     v.context,
	})
	return err
}

// publish makes the target's parent, as the kubelet does, and asks for
// NodePublishVolume.
func (d *demo) publish(ctx context.Context, v *volume, pod string, readOnly bool) error {
	target := v.target(d.dir, pod)
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	_, err := d.driver.node.NodePublishVolume(ctx, &csipb.NodePublishVolumeRequest{
		VolumeId:          v.id,
		StagingTargetPath: v.staging(d.dir),
		TargetPath:        target,
		VolumeCapability:  v.capability(),
		VolumeContext:     v.context,
		Readonly:          readOnly,
	})
	if err == nil {
		v.published[pod] = target
	}
	return err
}

// use creates nothing: it stages and publishes an existing volume for a pod.
func (d *demo) use(ctx context.Context, v *volume, pod string) error {
	if err := d.stage(ctx, v); err != nil {
		return fmt.Errorf("NodeStageVolume: %w", err)
	}
	return d.publish(ctx, v, pod, false)
}

// unpublish asks for NodeUnpublishVolume and checks that the target is gone,
// as the specification demands.
func (d *demo) unpublish(ctx context.Context, v *volume, pod string) error {
	target := v.published[pod]
	_, err := d.driver.node.NodeUnpublishVolume(ctx, &csipb.NodeUnpublishVolumeRequest{VolumeId: v.id, TargetPath: target})
	if err != nil {
		return err
	}
	if _, err := os.Lstat(target); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s still exists after NodeUnpublishVolume", target)
	}
	delete(v.published, pod)
	return nil
}

// unstage asks for NodeUnstageVolume and removes the staging directory, which
// fails if anything is left in it.
func (d *demo) unstage(ctx context.Context, v *volume) error {
	_, err := d.driver.node.NodeUnstageVolume(ctx, &csipb.NodeUnstageVolumeRequest{
		VolumeId: v.id, StagingTargetPath: v.staging(d.dir)})
	if err != nil {
		return err
	}
	return os.Remove(v.staging(d.dir))
}

// retire unpublishes a volume everywhere and unstages it.
func (d *demo) retire(ctx context.Context, v *volume) error {
	for pod := range v.published {
		if err := d.unpublish(ctx, v, pod); err != nil {
			return err
		}
	}
	return d.unstage(ctx, v)
}

// grow asks the node to grow a volume, as the kubelet does after the
// PersistentVolumeClaim was edited.
func (d *demo) grow(ctx context.Context, v *volume, pod string, to int64) (int64, error) {
	answer, err := d.driver.node.NodeExpandVolume(ctx, &csipb.NodeExpandVolumeRequest{
		VolumeId:          v.id,
		VolumePath:        v.published[pod],
		StagingTargetPath: v.staging(d.dir),
		CapacityRange:     &csipb.CapacityRange{RequiredBytes: to},
		VolumeCapability:  v.capability(),
	})
	return answer.GetCapacityBytes(), err
}

// total asks for the volume's statistics and returns its size in bytes and
// what is used of it.
func (d *demo) total(ctx context.Context, v *volume, pod string) (total, used int64, err error) {
	answer, err := d.driver.node.NodeGetVolumeStats(ctx, &csipb.NodeGetVolumeStatsRequest{
		VolumeId: v.id, VolumePath: v.published[pod], StagingTargetPath: v.staging(d.dir)})
	if err != nil {
		return 0, 0, err
	}
	for _, u := range answer.Usage {
		if u.Unit == csipb.VolumeUsage_BYTES {
			return u.Total, u.Used, nil
		}
	}
	return 0, 0, errors.New("the statistics have no bytes")
}
