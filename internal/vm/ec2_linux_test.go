package vm

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
)

// ec2Disks are the attachments of an emulated EC2: NVMe disks of this machine
// that are plugged in and pulled out. A test makes them before they are attached.
type ec2Disks struct {
	mu    sync.Mutex
	disks map[string]*disk
}

func (e *ec2Disks) of(d ec2test.Disk) (*disk, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if found := e.disks[d.VolumeID]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("the test has made no disk for volume %s", d.VolumeID)
}

// Plug implements [ec2test.Disks].
func (e *ec2Disks) Plug(_ context.Context, d ec2test.Disk) error {
	disk, err := e.of(d)
	if err == nil && disk.plugged == "" {
		disk.add()
	}
	return err
}

// Unplug implements [ec2test.Disks].
func (e *ec2Disks) Unplug(_ context.Context, d ec2test.Disk, force bool) error {
	disk, err := e.of(d)
	if err != nil || disk.plugged == "" {
		return err
	}
	for _, name := range namesOf(disk.serial) {
		f, err := os.OpenFile("/dev/"+name, os.O_RDONLY|os.O_EXCL, 0)
		if err != nil && !force {
			return fmt.Errorf("%w: %w", ec2test.ErrDiskBusy, err)
		}
		if err == nil {
			require.NoError(disk.t, f.Close())
		}
	}
	disk.take()
	return nil
}

// Grown implements [ec2test.Disks]: a test that grows a disk does so by itself.
func (e *ec2Disks) Grown(context.Context, ec2test.Disk) error { return nil }

// The whole EBS backend on real NVMe disks: volumes are created and attached by
// EC2's calls, the disk with the volume's id as its serial appears, and the finder
// that production uses takes that one and no other. Between detach and attach the
// disk comes back under another name.
func TestEBS_RealNVMeDisks(t *testing.T) {
	n := newNode(t, "ec2")
	attached := &ec2Disks{disks: map[string]*disk{}}
	const instance = "i-0123456789abcdef0"
	s := ec2test.NewServer(t, ec2test.Options{
		StateDir: n.dir + "/ec2", Disks: attached,
		Zones: []ec2test.Zone{{Name: "us-east-1a", ID: "use1-az1"}}, Instances: []ec2test.Instance{{ID: instance}},
	})
	b, err := ebs.New(ebs.Options{DeviceTimeout: patient, EC2: ebs.NewClient(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(s.URL()), Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
	})})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	ids, attachments := map[string]string{}, map[string]csi.Attachment{}
	for _, name := range []string{"a", "b"} {
		v, err := b.CreateVolume(t.Context(), csi.VolumeSpec{Name: name, Size: csi.SizeRange{Required: 1 << 30}, Access: []csi.Access{{Mode: csi.SingleNodeWriter}}})
		require.NoError(t, err)
		ids[name] = v.ID
		attachments[name] = csi.Attachment{VolumeRef: csi.VolumeRef{ID: v.ID}, Node: instance, Access: csi.Access{Mode: csi.SingleNodeWriter}}
		attached.disks[v.ID] = newDisk(t, strings.Replace(v.ID, "-", "", 1), 64*mib)
		n.find(name, func() (csi.Device, error) {
			source, err := b.Locate(t.Context(), csi.NodeVolume{ID: ids[name]})
			if err != nil {
				return csi.Device{}, err
			}
			return source.(csi.Device), nil
		})
	}
	attach := func(name string) {
		_, err := b.Attach(t.Context(), attachments[name])
		require.NoError(t, err)
	}
	attach("a")
	attach("b")
	for name := range ids {
		n.must("stage", func(ctx context.Context) error { return n.stage(ctx, name, "ext4") })
		n.save(n.staging(name), "of "+name)
	}
	busy, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.Error(t, b.Detach(busy, attachments["a"]), "it is mounted")
	for name := range ids {
		n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, name) })
		require.NoError(t, b.Detach(t.Context(), attachments[name]))
		require.Empty(t, namesOf(attached.disks[ids[name]].serial))
	}
	attach("b") // the other way round, so that the kernel gives the names anew
	attach("a")
	for name := range ids {
		n.must("stage", func(ctx context.Context) error { return n.stage(ctx, name, "ext4") })
		n.saved(n.staging(name), "of "+name)
		n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, name) })
		require.NoError(t, b.Detach(t.Context(), attachments[name]))
		require.NoError(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: ids[name]}))
	}
	require.Len(t, s.Volumes(), 1, "the root is left")
}
