package csi_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	mountutils "k8s.io/mount-utils"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// benchCycle measures the life of a volume that is formatted already: ours
// through gRPC against the others as they are, and all three through gRPC.
func benchCycle(b *testing.B, w *tabwriter.Writer, n *nodeUnderTest, backend *loopFake, row, name string, others int) {
	source, err := backend.Locate(b.Context(), csi.NodeVolume{ID: name})
	require.NoError(b, err)
	v := benched{path: source.(csi.Device).Path, fsType: name, staging: n.stagingPath(name), pod: n.path(name + "/mount")}
	backend.kept = map[string]csi.Device{name: source.(csi.Device)}
	defer func() {
		backend.kept = nil
		require.NoError(b, backend.Release(b.Context(), csi.NodeVolume{ID: name}))
	}()
	ours, bare, utils := n.cycle(b, n, name, v), v.bare(), v.utils()
	contest{name: row, ours: ours, bare: func() { bare.run(b) }, utils: func() { utils.run(b) }}.run(b, w, others, 40)
	contest{name: row + "-rpc", ours: ours, bare: n.cycle(b, bare.serve(b), name, v), utils: n.cycle(b, utils.serve(b), name, v)}.run(b, w, others, 40)
}

// cycle is the four RPCs of a volume's life, to this driver.
func (n *nodeUnderTest) cycle(b *testing.B, driver csipb.NodeClient, id string, v benched) func() {
	stage := n.stageRequest(id, fstype(v.fsType), func(r *csipb.NodeStageVolumeRequest) { r.VolumeContext = nil })
	publish := n.publishRequest(id, v.pod, asFilesystem(v.fsType), func(r *csipb.NodePublishVolumeRequest) { r.VolumeContext = nil })
	unpublish := &csipb.NodeUnpublishVolumeRequest{VolumeId: id, TargetPath: v.pod}
	unstage := &csipb.NodeUnstageVolumeRequest{VolumeId: id, StagingTargetPath: v.staging}
	ctx := b.Context()
	return func() {
		patiently(b, func() error { _, err := driver.NodeStageVolume(ctx, stage); return err })
		_, err := driver.NodePublishVolume(ctx, publish)
		require.NoError(b, err)
		_, err = driver.NodeUnpublishVolume(ctx, unpublish)
		require.NoError(b, err)
		patiently(b, func() error { _, err := driver.NodeUnstageVolume(ctx, unstage); return err })
	}
}

// A plainNode is a node service that does only this, or the same without gRPC.
type plainNode struct {
	csipb.UnimplementedNodeServer
	stage, publish, unpublish, unstage func() error
}

func (p *plainNode) run(b *testing.B) {
	for _, step := range []func() error{p.stage, p.publish, p.unpublish, p.unstage} {
		if err := step(); err != nil {
			b.Fatal(err)
		}
	}
}

func (p *plainNode) serve(b *testing.B) csipb.NodeClient {
	client, stop := connected(b, func(r grpc.ServiceRegistrar) { csipb.RegisterNodeServer(r, p) }, nil)
	b.Cleanup(stop)
	return client
}

func (p *plainNode) NodeStageVolume(context.Context, *csipb.NodeStageVolumeRequest) (*csipb.NodeStageVolumeResponse, error) {
	return &csipb.NodeStageVolumeResponse{}, p.stage()
}

func (p *plainNode) NodePublishVolume(context.Context, *csipb.NodePublishVolumeRequest) (*csipb.NodePublishVolumeResponse, error) {
	return &csipb.NodePublishVolumeResponse{}, p.publish()
}

func (p *plainNode) NodeUnpublishVolume(context.Context, *csipb.NodeUnpublishVolumeRequest) (*csipb.NodeUnpublishVolumeResponse, error) {
	return &csipb.NodeUnpublishVolumeResponse{}, p.unpublish()
}

func (p *plainNode) NodeUnstageVolume(context.Context, *csipb.NodeUnstageVolumeRequest) (*csipb.NodeUnstageVolumeResponse, error) {
	return &csipb.NodeUnstageVolumeResponse{}, p.unstage()
}

// A benched volume is one whose cycles are measured.
type benched struct{ path, fsType, staging, pod string }

// bare are the system calls that the same result needs. It ends as the RPCs do:
// with everything on the device, and the device free, which holdAlone proves.
func (v benched) bare() *plainNode {
	return &plainNode{
		stage: func() error { return unix.Mount(v.path, v.staging, v.fsType, 0, "") },
		publish: func() error {
			return errors.Join(os.Mkdir(v.pod, 0o755), bareBind(v.staging, v.pod, false))
		},
		unpublish: func() error {
			return errors.Join(unix.Unmount(v.pod, unix.UMOUNT_NOFOLLOW), os.Remove(v.pod))
		},
		unstage: func() error {
			fd, err := unix.Open(v.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			err = errors.Join(bareSync(v.staging), unix.Unmount(v.staging, unix.UMOUNT_NOFOLLOW), unix.Fsync(fd), unix.Close(fd))
			return errors.Join(err, onceFree(func() error { return holdAlone(v.path) }))
		},
	}
}

func bareSync(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(fd), unix.Close(fd))
}

func holdAlone(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// utils is the life of a volume by mount-utils, in the order of
// NodeStageVolume, NodePublishVolume, NodeUnpublishVolume and
// NodeUnstageVolume of aws-ebs-csi-driver's pkg/driver/node.go.
func (v benched) utils() *plainNode {
	m := utils()
	return &plainNode{
		stage: func() error {
			_, _, notThere := mountutils.GetDeviceNameFromMount(m, v.staging)
			failed := m.FormatAndMount(v.path, v.staging, v.fsType, nil)
			_, unknown := mountutils.NewResizeFs(m.Exec).NeedResize(v.path, v.staging)
			return errors.Join(notThere, failed, unknown)
		},
		publish: func() error {
			failed := os.MkdirAll(v.pod, 0o755)
			_, unknown := m.IsLikelyNotMountPoint(v.pod)
			return errors.Join(failed, unknown, m.Mount(v.staging, v.pod, "", []string{"bind"}))
		},
		unpublish: func() error { return mountutils.CleanupMountPoint(v.pod, m, false) },
		unstage: func() error {
			_, _, notThere := mountutils.GetDeviceNameFromMount(m, v.staging)
			return errors.Join(notThere, m.Unmount(v.staging)) // CleanupMountPoint would remove the directory too
		},
	}
}
