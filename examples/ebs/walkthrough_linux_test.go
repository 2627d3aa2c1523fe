package main

import (
	"testing"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// TestWalkthrough is a team's first day with the driver, by the RPCs that the
// sidecars and the kubelet would send: two classes, two claims, their pods, a
// pod that moves, growth, a backup and its restoration. The driver restarts in
// the middle.
func TestWalkthrough(t *testing.T) {
	c := newTrial(t)
	node, err := csipb.NewNodeClient(c.conn).NodeGetInfo(t.Context(), &csipb.NodeGetInfoRequest{})
	require.NoError(t, err)
	require.Regexp(t, `^i-[0-9a-f]{17}$`, node.NodeId)
	require.Equal(t, "us-east-1a", node.AccessibleTopology.Segments["topology.ebs.csi.aws.com/zone"])
	require.EqualValues(t, 26, node.MaxVolumesPerNode, "28 slots of an m5.large, less a network interface and the root")
	here := &csipb.TopologyRequirement{Requisite: []*csipb.Topology{node.AccessibleTopology}, Preferred: []*csipb.Topology{node.AccessibleTopology}}

	t.Log("two classes, default-block (st1) and performance-block (io1, iopsPerGB 20): claims of 14 and 11 GiB")
	pvc1 := c.provision("pvc1", performanceBlock, 14*gib, nil, nil) // Immediate: no node is chosen yet
	require.EqualValues(t, 14*gib, pvc1.volume.CapacityBytes)
	pvc0 := c.provision("pvc0", defaultBlock, 11*gib, here, nil) // WaitForFirstConsumer
	require.EqualValues(t, 125*gib, pvc0.volume.CapacityBytes, "the least that st1 has")

	t.Log("11 GiB of st1 have become 125 GiB. A pod for each claim: attach, format, mount")
	pvc0.use(node.NodeId)
	pvc1.use(node.NodeId)
	pvc0.sees(125 * gib)
	pvc1.sees(14 * gib)
	pvc0.write("of pvc0")
	pvc1.write("of pvc1")

	t.Log("the pod of pvc1 ends, the driver restarts, another pod starts")
	pvc1.leave(node.NodeId) // its pod ends and another one starts
	c.restart()
	pvc0.holds("of pvc0") // this pod has run on
	pvc1.use(node.NodeId)
	pvc1.holds("of pvc1")

	t.Log("pvc0 grows to 200 GiB while its pod runs")
	pvc0.resize(200 * gib)
	pvc0.sees(200 * gib)
	require.Contains(t, c.log.String(), `the file system was smaller than its device and has been resized" id=`+pvc0.volume.VolumeId)
	_, err = csipb.NewControllerClient(c.conn).ControllerExpandVolume(t.Context(), &csipb.ControllerExpandVolumeRequest{
		VolumeId: pvc0.volume.VolumeId, CapacityRange: &csipb.CapacityRange{RequiredBytes: 11 * gib, LimitBytes: 11 * gib}, VolumeCapability: capability()})
	require.Equal(t, codes.OutOfRange, status.Code(err), "a volume does not shrink: %v", err)

	t.Log("snap1 is cut, then restored into 600 GiB beside its origin")
	snap1 := pvc0.backUp("snap1")
	pvc0.write("after the backup")
	restored := c.provision("pvc-reclaim", defaultBlock, 600*gib, here, &csipb.VolumeContentSource{
		Type: &csipb.VolumeContentSource_Snapshot{Snapshot: &csipb.VolumeContentSource_SnapshotSource{SnapshotId: snap1}}})
	restored.use(node.NodeId) // beside its origin: both have one UUID
	restored.holds("of pvc0")
	restored.sees(600 * gib)
	pvc0.holds("after the backup")

	t.Log("what EC2 has; then all is deleted")
	c.inEC2(map[string]ec2test.Shape{
		pvc0.volume.VolumeId: {Type: "st1", Size: 200}, pvc1.volume.VolumeId: {Type: "io1", Size: 14, IOPS: 280}, restored.volume.VolumeId: {Type: "st1", Size: 600}})
	for _, p := range []*claim{pvc0, pvc1, restored} {
		p.leave(node.NodeId)
		p.remove()
	}
	_, err = csipb.NewControllerClient(c.conn).DeleteSnapshot(t.Context(), &csipb.DeleteSnapshotRequest{SnapshotId: snap1})
	require.NoError(t, err)
}
