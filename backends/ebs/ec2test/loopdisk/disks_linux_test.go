package loopdisk_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/backends/ebs/ec2test/loopdisk"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// A machine is a server whose disks appear here, with links in a directory of
// the test.
type machine struct {
	*testing.T
	*ec2test.Server
	client *ec2.Client
	dir    string
	node   string
}

func newMachine(t *testing.T) *machine {
	looptest.NeedRoot(t)
	return startMachine(t, looptest.Dir(t))
}

func startMachine(t *testing.T, dir string) *machine {
	links := filepath.Join(dir, "links")
	s := ec2test.NewServer(t, ec2test.Options{StateDir: filepath.Join(dir, "state"), Disks: loopdisk.New(links)})
	client := ec2.New(ec2.Options{Region: "us-east-1", BaseEndpoint: aws.String(s.URL()), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", "")})
	return &machine{T: t, Server: s, client: client, dir: dir, node: s.Instances()[0].ID}
}

func (m *machine) create(gib int32, snapshot string) string {
	m.Helper()
	in := &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: &gib, VolumeType: types.VolumeTypeGp3}
	if snapshot != "" {
		in.SnapshotId = &snapshot
	}
	out, err := m.client.CreateVolume(m.Context(), in)
	require.NoError(m, err)
	m.until("available", func() bool { v, _ := m.Volume(*out.VolumeId); return v.State == "available" })
	return *out.VolumeId
}

func (m *machine) until(what string, ok func() bool) {
	m.Helper()
	require.Eventually(m, ok, 10*time.Second, 10*time.Millisecond, what)
}

func (m *machine) attach(volume, device string) {
	m.Helper()
	_, err := m.client.AttachVolume(m.Context(), &ec2.AttachVolumeInput{VolumeId: &volume, InstanceId: &m.node, Device: &device})
	require.NoError(m, err)
	m.until("attached", func() bool { return m.attachment(volume) == "attached" })
}

func (m *machine) detach(volume string) {
	m.Helper()
	_, err := m.client.DetachVolume(m.Context(), &ec2.DetachVolumeInput{VolumeId: &volume})
	require.NoError(m, err)
}

func (m *machine) attachment(volume string) string {
	v, _ := m.Volume(volume)
	if len(v.Attachments) == 0 {
		return ""
	}
	return v.Attachments[0].State
}

func (m *machine) find(volume string) (csi.Device, error) {
	return loopdisk.Find(filepath.Join(m.dir, "links"))(m.Context(), csi.NodeVolume{ID: volume})
}

// open finds the device of a volume and opens it, with the checks of a driver.
func (m *machine) open(volume string, flags int) *os.File {
	m.Helper()
	d, err := m.find(volume)
	require.NoError(m, err)
	f, err := os.OpenFile(d.Path, os.O_RDWR|flags, 0)
	require.NoError(m, err)
	m.Cleanup(func() { _ = f.Close() })
	require.NoError(m, d.Verify(context.Background(), f))
	return f
}

func size(t *testing.T, f *os.File) int64 {
	end, err := f.Seek(0, 2)
	require.NoError(t, err)
	return end
}

// TestDataLivesOnTheDisk: a volume is a device while it is attached, its
// snapshot has the data of its moment, a larger volume made from it has them
// too, and a modified volume grows while it is attached.
func TestDataLivesOnTheDisk(t *testing.T) {
	m := newMachine(t)
	id := m.create(1, "")
	_, err := m.find(id)
	require.ErrorIs(t, err, csi.ErrNotFound, "before it is attached")
	m.attach(id, "/dev/xvdaa")
	f := m.open(id, 0)
	require.EqualValues(t, 1<<30, size(t, f))
	_, err = f.WriteAt([]byte("first"), 4096)
	require.NoError(t, err)
	require.NoError(t, f.Sync())

	snap, err := m.client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &id})
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("later"), 4096)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	m.until("completed", func() bool { return m.Snapshots()[0].State == "completed" })
	restored := m.create(3, *snap.SnapshotId)
	m.attach(restored, "/dev/xvdab")
	g := m.open(restored, 0)
	require.EqualValues(t, 3<<30, size(t, g))
	got := make([]byte, 5)
	_, err = g.ReadAt(got, 4096)
	require.NoError(t, err)
	require.Equal(t, "first", string(got))

	_, err = m.client.ModifyVolume(t.Context(), &ec2.ModifyVolumeInput{VolumeId: &id, Size: aws.Int32(2)})
	require.NoError(t, err)
	m.until("grown", func() bool { return size(t, f) == 2<<30 })

	other, err := m.client.CopyVolumes(t.Context(), &ec2.CopyVolumesInput{SourceVolumeId: &id, VolumeType: types.VolumeTypeGp3})
	require.NoError(t, err)
	m.until("copied", func() bool { v, _ := m.Volume(*other.Volumes[0].VolumeId); return v.State == "available" })
	m.attach(*other.Volumes[0].VolumeId, "/dev/xvdac")
	_, err = m.open(*other.Volumes[0].VolumeId, 0).ReadAt(got, 4096)
	require.NoError(t, err)
	require.Equal(t, "later", string(got))
}

// TestDetachWaitsForUsers: like EC2's, the detachment of a disk in use is busy
// until it is not; then device and link are gone.
func TestDetachWaitsForUsers(t *testing.T) {
	m := newMachine(t)
	id := m.create(1, "")
	m.attach(id, "/dev/xvdaa")
	user := m.open(id, syscall.O_EXCL) // as a mount does
	m.detach(id)
	m.until("busy", func() bool { return m.attachment(id) == "busy" })
	_, err := m.find(id)
	require.NoError(t, err, "it is still there")
	require.NoError(t, user.Close())
	m.until("detached", func() bool { return m.attachment(id) == "" })
	_, err = m.find(id)
	require.ErrorIs(t, err, csi.ErrNotFound)
	links, err := os.ReadDir(filepath.Join(m.dir, "links"))
	require.NoError(t, err)
	require.Empty(t, links)
}

// TestRestartKeepsDisks: what is attached stays attached, with its data, when
// the server ends and another goes on with its state.
func TestRestartKeepsDisks(t *testing.T) {
	m := newMachine(t)
	id := m.create(1, "")
	m.attach(id, "/dev/xvdaa")
	f := m.open(id, 0)
	_, err := f.WriteAt([]byte("kept"), 0)
	require.NoError(t, err)
	m.Close()
	require.FileExists(t, filepath.Join(m.dir, "state", "images", id))
	_, err = m.find(id)
	require.NoError(t, err)

	after := startMachine(t, m.dir)
	require.Equal(t, m.node, after.node)
	require.Equal(t, "attached", after.attachment(id))
	got := make([]byte, 4)
	_, err = after.open(id, 0).ReadAt(got, 0)
	require.NoError(t, err)
	require.Equal(t, "kept", string(got))
}

// TestForeignLinkIsKept: two servers that share the links by mistake do not take
// each other's.
func TestForeignLinkIsKept(t *testing.T) {
	m := newMachine(t)
	id := m.create(1, "")
	m.attach(id, "/dev/xvdaa")
	image := filepath.Join(looptest.Dir(t), id)
	require.NoError(t, os.WriteFile(image, make([]byte, 4096), 0o600))
	err := loopdisk.New(filepath.Join(m.dir, "links")).Plug(t.Context(), ec2test.Disk{VolumeID: id, Image: image})
	require.ErrorContains(t, err, "another server")
	require.NotNil(t, m.open(id, 0))
}

// TestWrongDeviceIsRefused: a loop device of another file never passes for a
// volume.
func TestWrongDeviceIsRefused(t *testing.T) {
	m := newMachine(t)
	id := m.create(1, "")
	m.attach(id, "/dev/xvdaa")
	d, err := m.find(id)
	require.NoError(t, err)
	other, err := os.Open(looptest.Device(t, 1<<20))
	require.NoError(t, err)
	defer func() { _ = other.Close() }()
	require.ErrorContains(t, d.Verify(t.Context(), other), "not of all of "+id)
}
