package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

func (d *demo) farewell() chapter {
	all := []*volume{d.data, d.grown, d.restored, d.clone, d.raw, d.crash}
	return chapter{"The pods end, the claims are deleted, nothing is left", []step{
		{"kubelet", "NodeUnpublish and NodeUnstage of all volumes", func(ctx context.Context) (string, error) {
			for _, v := range all {
				if err := d.retire(ctx, v); err != nil {
					return "", fmt.Errorf("%s: %w", v.name, err)
				}
			}
			return fmt.Sprintf("%d volumes: synced, unmounted, their loop devices released", len(all)), d.released()
		}},
		{"kubelet", "NodeUnstageVolume of " + d.data.name + " again", func(ctx context.Context) (string, error) {
			_, err := d.driver.node.NodeUnstageVolume(ctx, &csipb.NodeUnstageVolumeRequest{
				VolumeId: d.data.id, StagingTargetPath: d.data.staging(d.dir)})
			return "nothing to do", err
		}},
		{"snapshotter", "DeleteSnapshot", func(ctx context.Context) (string, error) {
			_, err := d.driver.controller.DeleteSnapshot(ctx, &csipb.DeleteSnapshotRequest{SnapshotId: d.snapshot})
			return "gone", err
		}},
		{"provisioner", "DeleteVolume of all, twice each", func(ctx context.Context) (string, error) {
			for _, v := range all {
				if err := d.remove(ctx, v); err != nil {
					return "", fmt.Errorf("%s: %w", v.name, err)
				}
			}
			ids, _, err := d.list(ctx)
			if err == nil && len(ids) > 0 {
				err = fmt.Errorf("still listed: %v", ids)
			}
			return "gone; the second time there was nothing to do", err
		}},
		{"kubelet", "stops the driver's container with SIGTERM", func(context.Context) (string, error) {
			return "exit code 0", d.driver.stop()
		}},
		{"you", "look at the kernel and at the disk", d.nothingLeft},
	}}
}

// released checks that no mount and no loop device of ours exists.
func (d *demo) released() error {
	left, err := findLeftovers(d.dir)
	if err == nil && len(left.mounts)+len(left.loops) > 0 {
		err = fmt.Errorf("left behind: %s", left)
	}
	return err
}

// nothingLeft proves that the driver left nothing.
func (d *demo) nothingLeft(context.Context) (string, error) {
	if err := d.released(); err != nil {
		return "", err
	}
	if _, err := os.Lstat(d.driver.socket); !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("the socket %s is left", d.driver.socket)
	}
	now, err := files(d.dir)
	if err != nil {
		return "", err
	}
	left := slices.DeleteFunc(now, func(name string) bool {
		return slices.Contains(d.fresh, name) || name == "state/lock" // the file that locks are of stays: see csi.Options.StateDir
	})
	if len(left) > 0 {
		return "", fmt.Errorf("files left in %s: %v", d.dir, left)
	}
	return "0 mounts, 0 loop devices, 0 files of volumes, no socket below " + d.dir, nil
}
