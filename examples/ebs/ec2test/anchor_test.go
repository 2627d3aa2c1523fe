package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/internal/proc"
)

// TestAWSDriver drives the controller of the real aws-ebs-csi-driver, whose
// binary the environment names, through the life of a volume: what is no driver
// of ours is served too.
//
//	CSIKIT_AWS_EBS_CSI_DRIVER=/path/to/aws-ebs-csi-driver go test -run TestAWSDriver -v ./examples/ebs/ec2test
func TestAWSDriver(t *testing.T) {
	binary := os.Getenv("CSIKIT_AWS_EBS_CSI_DRIVER")
	if binary == "" {
		t.Skip("CSIKIT_AWS_EBS_CSI_DRIVER names no binary of aws-ebs-csi-driver")
	}
	s := ec2test.NewServer(t, ec2test.Options{})
	node := s.Instances()[0].ID
	socket := filepath.Join(t.TempDir(), "csi.sock")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		out, _ := proc.Run(ctx, proc.Cmd{Name: binary, Args: []string{"controller", "--endpoint=unix:" + socket, "--batching=true", "--v=2"},
			Env: []string{"AWS_REGION=us-east-1", "AWS_EC2_ENDPOINT=" + s.URL(), "AWS_ACCESS_KEY_ID=ec2test", "AWS_SECRET_ACCESS_KEY=ec2test", "AWS_EC2_METADATA_DISABLED=true"}})
		t.Logf("%s%s", out.Stdout, out.Stderr)
	}()
	defer func() { cancel(); <-ended }()
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	c := csipb.NewControllerClient(conn)
	rpc, done := context.WithTimeout(ctx, 2*time.Minute)
	defer done()

	can := &csipb.VolumeCapability{AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{FsType: "ext4"}},
		AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER}}
	create := &csipb.CreateVolumeRequest{Name: "pvc-1", CapacityRange: &csipb.CapacityRange{RequiredBytes: 11 << 30}, VolumeCapabilities: []*csipb.VolumeCapability{can},
		Parameters: map[string]string{"type": "gp3", "iops": "4000", "encrypted": "true"}}
	made, err := c.CreateVolume(rpc, create)
	require.NoError(t, err)
	again, err := c.CreateVolume(rpc, create)
	require.NoError(t, err)
	id := made.GetVolume().GetVolumeId()
	require.Equal(t, id, again.GetVolume().GetVolumeId())
	attached, err := c.ControllerPublishVolume(rpc, &csipb.ControllerPublishVolumeRequest{VolumeId: id, NodeId: node, VolumeCapability: can})
	require.NoError(t, err)
	require.NotEmpty(t, attached.GetPublishContext()["devicePath"])
	require.True(t, s.Attached(id, node))
	larger, err := c.ControllerExpandVolume(rpc, &csipb.ControllerExpandVolumeRequest{VolumeId: id, CapacityRange: &csipb.CapacityRange{RequiredBytes: 20 << 30}})
	require.NoError(t, err)
	require.EqualValues(t, 20<<30, larger.GetCapacityBytes())
	snap, err := c.CreateSnapshot(rpc, &csipb.CreateSnapshotRequest{Name: "snap1", SourceVolumeId: id,
		Parameters: map[string]string{"fastSnapshotRestoreAvailabilityZones": "us-east-1a", "lockMode": "governance", "lockDuration": "1"}})
	require.NoError(t, err)
	require.Len(t, s.Snapshots(), 1)
	require.Equal(t, "governance", s.Snapshots()[0].Lock.Mode)
	create = &csipb.CreateVolumeRequest{Name: "pvc-2", CapacityRange: &csipb.CapacityRange{RequiredBytes: 30 << 30}, VolumeCapabilities: []*csipb.VolumeCapability{can},
		VolumeContentSource: &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Snapshot{Snapshot: &csipb.VolumeContentSource_SnapshotSource{SnapshotId: snap.GetSnapshot().GetSnapshotId()}}}}
	_, err = c.CreateVolume(rpc, create)
	require.NoError(t, err)
	create.Name, create.VolumeContentSource = "pvc-3", &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Volume{Volume: &csipb.VolumeContentSource_VolumeSource{VolumeId: id}}}
	_, err = c.CreateVolume(rpc, create)
	require.NoError(t, err)
	_, err = c.ControllerUnpublishVolume(rpc, &csipb.ControllerUnpublishVolumeRequest{VolumeId: id, NodeId: node})
	require.NoError(t, err)
	require.False(t, s.Attached(id, node))
	_, err = c.DeleteVolume(rpc, &csipb.DeleteVolumeRequest{VolumeId: id})
	require.NoError(t, err)
	require.Zero(t, s.Refused("UnknownParameter")+s.Refused("InvalidAction"), "the server knows all that the driver says")
	for api, n := range s.Counts() {
		t.Logf("%4d %s", n, api)
	}
}
