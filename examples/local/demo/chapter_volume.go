package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// The pods of the story.
const (
	podA = "pod-a"
	podB = "pod-b"
)

// page is how much the pods write at a time.
const page = 32 * mib

func (d *demo) introduction() chapter {
	return chapter{"The driver starts and introduces itself", []step{
		{"you", "go build ./examples/local", func(ctx context.Context) (string, error) {
			return "everything happens below " + d.dir, d.driver.build(ctx)
		}},
		{"kubelet", "starts the driver's container and waits for its socket", func(ctx context.Context) (string, error) {
			if err := d.driver.start(ctx); err != nil {
				return "", err
			}
			var err error
			d.fresh, err = files(d.dir)
			return "driver " + strings.Join(d.driver.args[:2], " ") + " ...", err
		}},
		{"registrar", "GetPluginInfo, NodeGetInfo", d.identify},
		{"provisioner", "GetPluginCapabilities, ControllerGetCapabilities", d.capabilities},
	}}
}

func (d *demo) identify(ctx context.Context) (string, error) {
	info, err := d.driver.identity.GetPluginInfo(ctx, &csipb.GetPluginInfoRequest{})
	if err != nil {
		return "", err
	}
	node, err := d.driver.node.NodeGetInfo(ctx, &csipb.NodeGetInfoRequest{})
	if err != nil {
		return "", err
	}
	if info.Name != driverName || node.AccessibleTopology.GetSegments()[topologyKey] != nodeName {
		return "", fmt.Errorf("it calls itself %s with topology %v", info.Name, node.AccessibleTopology.GetSegments())
	}
	return fmt.Sprintf("%s %s on node %s, at most %d volumes", info.Name, info.VendorVersion, node.NodeId, node.MaxVolumesPerNode), nil
}

func (d *demo) capabilities(ctx context.Context) (string, error) {
	if _, err := d.driver.identity.GetPluginCapabilities(ctx, &csipb.GetPluginCapabilitiesRequest{}); err != nil {
		return "", err
	}
	answer, err := d.driver.controller.ControllerGetCapabilities(ctx, &csipb.ControllerGetCapabilitiesRequest{})
	if err != nil {
		return "", err
	}
	var names []string
	for _, c := range answer.Capabilities {
		names = append(names, strings.ToLower(c.GetRpc().GetType().String()))
	}
	return "it offers what its backend has methods for: " + strings.Join(names, ", "), nil
}

func (d *demo) provisioning() chapter {
	v := d.data
	return chapter{"A claim becomes a file system in a pod", []step{
		{"provisioner", "CreateVolume " + v.name + ", " + size(v.size) + ", ext4", func(ctx context.Context) (string, error) {
			err := d.create(ctx, v, nil)
			return "volume " + v.id + " is made: a sparse file that takes no space yet", err
		}},
		{"provisioner", "CreateVolume " + v.name + " again, as after a lost answer", func(ctx context.Context) (string, error) {
			return "the same volume: a retry never makes a second one", d.create(ctx, v, nil)
		}},
		{"kubelet", "NodeStageVolume", func(ctx context.Context) (string, error) {
			return "loop device attached, proven empty, formatted, mounted", d.stage(ctx, v)
		}},
		{"kubelet", "NodePublishVolume to " + podA, func(ctx context.Context) (string, error) {
			return "bound into the pod's directory", d.publish(ctx, v, podA, false)
		}},
		{podA, "writes " + size(page), func(context.Context) (string, error) {
			return v.write(podA, "data", 1, page)
		}},
		{"kubelet", "NodePublishVolume to " + podB + ", read-only", func(ctx context.Context) (string, error) {
			return "the second pod of this node sees the same files", d.publish(ctx, v, podB, true)
		}},
		{podB, "reads, and tries to write", d.tryReadOnly},
		{"kubelet", "NodeGetVolumeStats", func(ctx context.Context) (string, error) {
			total, used, err := d.total(ctx, v, podA)
			if err == nil && used < page {
				err = fmt.Errorf("only %d bytes are said to be used", used)
			}
			return fmt.Sprintf("%s in all, %s used", size(total), size(used)), err
		}},
		{"kubelet", "NodePublishVolume to " + podA + " again, as after its restart", func(ctx context.Context) (string, error) {
			return d.republish(ctx, v)
		}},
		{"kubelet", "NodeUnpublishVolume from " + podB, func(ctx context.Context) (string, error) {
			if err := d.unpublish(ctx, v, podB); err != nil {
				return "", err
			}
			return v.verify(podA)
		}},
	}}
}

func (d *demo) tryReadOnly(context.Context) (string, error) {
	v := d.data
	if _, err := v.verify(podB); err != nil {
		return "", err
	}
	err := os.WriteFile(v.path(podB, "forbidden"), []byte("x"), 0o644)
	if !errors.Is(err, syscall.EROFS) {
		return "", fmt.Errorf("the write should be refused as read-only, but the outcome was %v", err)
	}
	return "the checksum is right; the write is refused: " + syscall.EROFS.Error(), nil
}

// republish publishes once more and checks that no mount was stacked.
func (d *demo) republish(ctx context.Context, v *volume) (string, error) {
	if err := d.publish(ctx, v, podA, false); err != nil {
		return "", err
	}
	left, err := findLeftovers(filepath.Dir(v.target(d.dir, podA)))
	if err == nil && len(left.mounts) != 1 {
		err = fmt.Errorf("one mount was expected: %s", left)
	}
	return "nothing to do: still one mount, none stacked on it", err
}
