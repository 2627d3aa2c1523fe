package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

func (d *demo) inline() chapter {
	v := newVolume("inline", "ext4", 64*mib)
	v.id = "csi-0123456789abcdef" // the kubelet makes one for each pod
	return chapter{"An inline volume lives as long as its pod", []step{
		{"kubelet", "NodePublishVolume, ephemeral, " + size(v.size), func(ctx context.Context) (string, error) {
			return "made, formatted and mounted in one RPC", d.publishInline(ctx, v)
		}},
		{podA, "writes " + size(mib), func(context.Context) (string, error) { return v.write(podA, "scratch", 5, mib) }},
		{podA, "reads it", func(context.Context) (string, error) { return v.verify(podA) }},
		{"kubelet", "NodeUnpublishVolume", func(ctx context.Context) (string, error) {
			if err := d.unpublish(ctx, v, podA); err != nil {
				return "", err
			}
			left, err := files(filepath.Join(d.dir, "pool", "ephemeral"))
			if err == nil && len(left) > 0 {
				err = fmt.Errorf("left in the pool: %v", left)
			}
			return "the volume is gone with the pod", err
		}},
	}}
}

// publishInline asks for a volume that is declared in the pod itself: there is
// no CreateVolume and no NodeStageVolume.
func (d *demo) publishInline(ctx context.Context, v *volume) error {
	target := v.target(d.dir, podA)
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	_, err := d.driver.node.NodePublishVolume(ctx, &csipb.NodePublishVolumeRequest{
		VolumeId:         v.id,
		TargetPath:       target,
		VolumeCapability: v.capability(),
		VolumeContext: map[string]string{
			"csi.storage.k8s.io/ephemeral":     "true",
			"csi.storage.k8s.io/pod.name":      podA,
			"csi.storage.k8s.io/pod.namespace": "default",
			"csi.storage.k8s.io/pod.uid":       podA,
			"size":                             fmt.Sprint(v.size),
		},
	})
	if err == nil {
		v.published[podA] = target
	}
	return err
}
