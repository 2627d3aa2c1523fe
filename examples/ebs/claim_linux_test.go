package main

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"
)

const gib = 1 << 30

// The StorageClasses of the walkthrough, without the keys of the sidecars.
var (
	defaultBlock     = map[string]string{"type": "st1"}
	performanceBlock = map[string]string{"type": "io1", "iopsPerGB": "20"}
)

// A claim is a PersistentVolumeClaim of the walkthrough, with the volume that was
// made for it and the pod that uses it.
type claim struct {
	*trial
	name    string
	volume  *csipb.Volume
	publish map[string]string // the publish context
}

func capability() *csipb.VolumeCapability {
	return &csipb.VolumeCapability{
		AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{}},
		AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
	}
}

// provision does what external-provisioner does for a new claim.
func (c *trial) provision(name string, class map[string]string, size int64, where *csipb.TopologyRequirement, from *csipb.VolumeContentSource) *claim {
	c.Helper()
	parameters := map[string]string{"csi.storage.k8s.io/pvc/name": name, "csi.storage.k8s.io/pvc/namespace": "default", "csi.storage.k8s.io/pv/name": "pv-" + name}
	for k, v := range class {
		parameters[k] = v
	}
	answer, err := csipb.NewControllerClient(c.conn).CreateVolume(c.Context(), &csipb.CreateVolumeRequest{
		Name: "pv-" + name, CapacityRange: &csipb.CapacityRange{RequiredBytes: size}, Parameters: parameters,
		VolumeCapabilities: []*csipb.VolumeCapability{capability()}, AccessibilityRequirements: where, VolumeContentSource: from,
	})
	require.NoError(c, err)
	require.GreaterOrEqual(c, answer.Volume.CapacityBytes, size)
	if answer.Volume.VolumeContext == nil {
		answer.Volume.VolumeContext = map[string]string{}
	}
	answer.Volume.VolumeContext["storage.kubernetes.io/csiProvisionerIdentity"] = "walkthrough"
	return &claim{trial: c, name: name, volume: answer.Volume}
}

func (p *claim) staging() string { return filepath.Join(p.dir, "kubelet", p.name, "globalmount") }

// pod is where the pod sees the volume.
func (p *claim) pod() string { return filepath.Join(p.dir, "kubelet", p.name, "pod", "mount") }

// use does what external-attacher and the kubelet do for a pod's start.
func (p *claim) use(node string) {
	p.Helper()
	attached, err := csipb.NewControllerClient(p.conn).ControllerPublishVolume(p.Context(), &csipb.ControllerPublishVolumeRequest{
		VolumeId: p.volume.VolumeId, NodeId: node, VolumeCapability: capability(), VolumeContext: p.volume.VolumeContext})
	require.NoError(p, err)
	p.publish = attached.PublishContext
	require.NoError(p, os.MkdirAll(p.staging(), 0o750))
	require.NoError(p, os.MkdirAll(filepath.Dir(p.pod()), 0o750))
	kubelet := csipb.NewNodeClient(p.conn)
	_, err = kubelet.NodeStageVolume(p.Context(), &csipb.NodeStageVolumeRequest{VolumeId: p.volume.VolumeId, PublishContext: p.publish,
		StagingTargetPath: p.staging(), VolumeCapability: capability(), VolumeContext: p.volume.VolumeContext})
	require.NoError(p, err)
	_, err = kubelet.NodePublishVolume(p.Context(), &csipb.NodePublishVolumeRequest{VolumeId: p.volume.VolumeId, PublishContext: p.publish,
		StagingTargetPath: p.staging(), TargetPath: p.pod(), VolumeCapability: capability(), VolumeContext: p.volume.VolumeContext})
	require.NoError(p, err)
}

// leave does what they do for a pod's end.
func (p *claim) leave(node string) {
	p.Helper()
	kubelet := csipb.NewNodeClient(p.conn)
	_, err := kubelet.NodeUnpublishVolume(p.Context(), &csipb.NodeUnpublishVolumeRequest{VolumeId: p.volume.VolumeId, TargetPath: p.pod()})
	require.NoError(p, err)
	_, err = kubelet.NodeUnstageVolume(p.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: p.volume.VolumeId, StagingTargetPath: p.staging()})
	require.NoError(p, err)
	require.NoError(p, os.Remove(p.staging()), "nothing is mounted there")
	_, err = csipb.NewControllerClient(p.conn).ControllerUnpublishVolume(p.Context(), &csipb.ControllerUnpublishVolumeRequest{VolumeId: p.volume.VolumeId, NodeId: node})
	require.NoError(p, err)
}

// resize does what external-resizer and the kubelet do when the claim asks for
// more while the pod runs.
func (p *claim) resize(size int64) {
	p.Helper()
	grown, err := csipb.NewControllerClient(p.conn).ControllerExpandVolume(p.Context(), &csipb.ControllerExpandVolumeRequest{
		VolumeId: p.volume.VolumeId, CapacityRange: &csipb.CapacityRange{RequiredBytes: size}, VolumeCapability: capability()})
	require.NoError(p, err)
	require.Equal(p, size, grown.CapacityBytes)
	require.True(p, grown.NodeExpansionRequired)
	_, err = csipb.NewNodeClient(p.conn).NodeExpandVolume(p.Context(), &csipb.NodeExpandVolumeRequest{VolumeId: p.volume.VolumeId, VolumePath: p.pod(),
		StagingTargetPath: p.staging(), CapacityRange: &csipb.CapacityRange{RequiredBytes: size}, VolumeCapability: capability()})
	require.NoError(p, err)
}

func (p *claim) remove() {
	p.Helper()
	for range 2 {
		_, err := csipb.NewControllerClient(p.conn).DeleteVolume(p.Context(), &csipb.DeleteVolumeRequest{VolumeId: p.volume.VolumeId})
		require.NoError(p, err)
	}
}

// write writes a file as the pod would, and makes it durable.
func (p *claim) write(text string) {
	p.Helper()
	f, err := os.Create(filepath.Join(p.pod(), "data"))
	require.NoError(p, err)
	_, err = f.WriteString(text)
	require.NoError(p, err)
	require.NoError(p, f.Sync())
	require.NoError(p, f.Close())
}

// holds checks what the pod reads.
func (p *claim) holds(text string) {
	p.Helper()
	have, err := os.ReadFile(filepath.Join(p.pod(), "data"))
	require.NoError(p, err)
	require.Equal(p, text, string(have))
}

// sees checks the size of the file system: at most 2 % are its own.
func (p *claim) sees(size int64) {
	p.Helper()
	var st syscall.Statfs_t
	require.NoError(p, syscall.Statfs(p.pod(), &st))
	require.EqualValues(p, 0x58465342, st.Type, "xfs")
	require.InDelta(p, size, float64(st.Blocks)*float64(st.Bsize), 0.02*float64(size))
}

// backUp does what external-snapshotter does, until the snapshot is ready.
func (p *claim) backUp(name string) string {
	p.Helper()
	controller := csipb.NewControllerClient(p.conn)
	cut, err := controller.CreateSnapshot(p.Context(), &csipb.CreateSnapshotRequest{Name: name, SourceVolumeId: p.volume.VolumeId})
	require.NoError(p, err)
	require.Eventually(p, func() bool {
		list, err := controller.ListSnapshots(p.Context(), &csipb.ListSnapshotsRequest{SnapshotId: cut.Snapshot.SnapshotId})
		require.NoError(p, err)
		require.Len(p, list.Entries, 1)
		return list.Entries[0].Snapshot.ReadyToUse
	}, 20*time.Second, 50*time.Millisecond, "readyToUse")
	return cut.Snapshot.SnapshotId
}
