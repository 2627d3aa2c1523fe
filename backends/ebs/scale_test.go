package ebs_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// What a crowd costs, and what it does not break. All is in bubbles of
// testing/synctest: minutes of EC2 pass in a moment, and always the same.

// roundTrip is how long a call of EC2 takes in these tests.
const roundTrip = 3 * time.Millisecond

// A fleet is a world with room for many attachments.
type fleet struct {
	*world
	nodes   []string
	batch   int // of volumes, in their names
	volumes []string
}

// newFleet must be called in a bubble.
func newFleet(t *testing.T, nodes int, kind string, o ec2test.Options) *fleet {
	f := &fleet{world: newWorld(t, 1, o)}
	for i := range nodes {
		n, err := f.ec2.AddInstance(ec2test.Instance{ID: fmt.Sprintf("i-%017x", 0xf1ee7000+i), Type: kind})
		require.NoError(t, err)
		f.nodes = append(f.nodes, n.ID)
	}
	f.controller()
	time.Sleep(time.Minute) // its first snapshots wait for what a process before it may have cut
	return f
}

func (f *fleet) node(i int) string { return f.nodes[i%len(f.nodes)] }

func (f *fleet) name(i int) string { return fmt.Sprintf("pvc-%d-%d", f.batch, i) }

func (f *fleet) create(i int) error {
	_, err := once(f.world, csipb.ControllerClient.CreateVolume, &csipb.CreateVolumeRequest{
		Name: f.name(i), CapacityRange: &csipb.CapacityRange{RequiredBytes: gib}, VolumeCapabilities: []*csipb.VolumeCapability{oneWriter},
		AccessibilityRequirements: &csipb.TopologyRequirement{Requisite: []*csipb.Topology{{Segments: map[string]string{"topology.kubernetes.io/zone": zoneA}}}},
	})
	return err
}

func (f *fleet) publish(i int) error {
	out, err := once(f.world, csipb.ControllerClient.ControllerPublishVolume, &csipb.ControllerPublishVolumeRequest{
		VolumeId: f.volumes[i], NodeId: f.node(i), VolumeCapability: oneWriter})
	if v, _ := f.ec2.Volume(f.volumes[i]); err == nil && (len(v.Attachments) != 1 || v.Attachments[0].State != "attached" || v.Attachments[0].Device != out.PublishContext["devicePath"]) {
		return fmt.Errorf("answered with %v, and EC2 has %+v", out.PublishContext, v.Attachments)
	}
	return err
}

func (f *fleet) unpublish(i int) error {
	_, err := once(f.world, csipb.ControllerClient.ControllerUnpublishVolume, &csipb.ControllerUnpublishVolumeRequest{VolumeId: f.volumes[i], NodeId: f.node(i)})
	if err == nil && f.ec2.Attached(f.volumes[i], f.node(i)) {
		return fmt.Errorf("answered OK while EC2 has volume %s attached", f.volumes[i])
	}
	return err
}

func (f *fleet) expand(i int) error {
	_, err := once(f.world, csipb.ControllerClient.ControllerExpandVolume, &csipb.ControllerExpandVolumeRequest{
		VolumeId: f.volumes[i], CapacityRange: &csipb.CapacityRange{RequiredBytes: 2 * gib}, VolumeCapability: oneWriter})
	return err
}

func (f *fleet) snapshot(i int) error {
	_, err := once(f.world, csipb.ControllerClient.CreateSnapshot, &csipb.CreateSnapshotRequest{Name: "snap-" + f.volumes[i], SourceVolumeId: f.volumes[i]})
	return err
}

func (f *fleet) delete(i int) error {
	_, err := once(f.world, csipb.ControllerClient.DeleteVolume, &csipb.DeleteVolumeRequest{VolumeId: f.volumes[i]})
	return err
}

// A toll is what a crowd of RPCs cost.
type toll struct {
	longest                       time.Duration
	mutating, describing, refused int
}

// at makes n RPCs at once. None may fail.
func (f *fleet) at(n int, rpc func(i int) error) (cost toll) {
	f.t.Helper()
	f.ec2.ForgetCalls()
	var mu sync.Mutex
	var group sync.WaitGroup
	start := time.Now()
	for i := range n {
		group.Go(func() {
			err := rpc(i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				f.t.Errorf("%d of %d: %v", i, n, err)
			}
			cost.longest = max(cost.longest, time.Since(start))
		})
	}
	group.Wait()
	for api, count := range f.ec2.Counts() {
		if strings.HasPrefix(api, "Describe") {
			cost.describing += count
		} else {
			cost.mutating += count
		}
	}
	cost.refused = f.ec2.Refused("RequestLimitExceeded")
	return cost
}

// provision makes n new volumes, which are then those of the fleet.
func (f *fleet) provision(n int) toll {
	f.t.Helper()
	f.batch++
	f.volumes = nil
	cost := f.at(n, f.create)
	for i := range n {
		f.volumes = append(f.volumes, f.volumesNamed(f.name(i))[0].ID)
	}
	return cost
}

// TestScale_AloneNobodyWaits: one RPC takes no longer than EC2's own state change
// plus 4 round trips plus one poll interval of 100 ms, whatever came before.
func TestScale_AloneNobodyWaits(t *testing.T) {
	for _, d := range []time.Duration{0, 50 * time.Millisecond, time.Second, 2700 * time.Millisecond, 15 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, 1, "m7i.48xlarge", ec2test.Options{Latency: ec2test.Constant(roundTrip), Timings: ec2test.Timings{Snapshot: ec2test.Span{Min: time.Hour}}})
			defer f.end()
			for range 2 {
				span := ec2test.Span{Min: d}
				f.ec2.SetTimings(ec2test.Timings{Create: span, Attach: span, Detach: span, Modify: span, Delete: span, Snapshot: ec2test.Span{Min: time.Hour}})
				for _, c := range []struct {
					what    string
					rpc     func(int) error
					changes time.Duration
				}{
					{"CreateVolume", func(int) error { f.provision(1); return nil }, d}, {"ControllerPublishVolume", f.publish, d}, {"ControllerExpandVolume", f.expand, d},
					{"CreateSnapshot", f.snapshot, 0}, {"ControllerUnpublishVolume", f.unpublish, d}, {"DeleteVolume", f.delete, 0},
				} {
					start := time.Now()
					require.NoError(t, c.rpc(0), c.what)
					require.LessOrEqual(t, time.Since(start), c.changes+4*roundTrip+100*time.Millisecond, "%s, with %v", c.what, d)
				}
				time.Sleep(time.Minute)
			}
		})
	}
}

// TestScale_ACrowdSharesItsCalls: of a hundred at once, each makes its own change,
// and they look at it 5 times in all; with changes that are made at once, with
// those of EC2, and with calls that take longer.
func TestScale_ACrowdSharesItsCalls(t *testing.T) {
	for name, o := range map[string]ec2test.Options{
		"at once":    {Latency: ec2test.Constant(roundTrip)},
		"EC2":        {Latency: ec2test.Constant(roundTrip), Timings: ec2test.EC2Timings()},
		"slow calls": {Latency: ec2test.Between(20*time.Millisecond, 200*time.Millisecond), Timings: ec2test.EC2Timings()},
	} {
		for _, warm := range []int{0, 10} {
			t.Run(fmt.Sprintf("%s after %d", name, warm), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFleet(t, 10, "m7i.48xlarge", o)
					defer f.end()
					f.provision(warm)
					f.at(warm, f.publish)
					f.at(warm, f.unpublish)
					f.at(warm, f.delete)
					time.Sleep(time.Minute)
					created, attached, detached := f.provision(100), f.at(100, f.publish), f.at(100, f.unpublish)
					t.Logf("%+v %+v %+v", created, attached, detached)
					for _, cost := range []toll{created, attached, detached} {
						require.Equal(t, 100, cost.mutating)
					}
					require.LessOrEqual(t, created.describing, 5)
					require.LessOrEqual(t, attached.describing, 5, "also of what nodes have that nobody has asked for before")
					require.LessOrEqual(t, detached.describing, 5)
				})
			})
		}
	}
}

// TestScale_ThrottledNotFailed: 300 at once against buckets of 100 and 5 a second.
// aws-ebs-csi-driver failed 100 of 300.
func TestScale_ThrottledNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 30, "m5.large", ec2test.Options{
			Latency: ec2test.Constant(roundTrip), Timings: ec2test.EC2Timings(), Buckets: map[string]ec2test.Bucket{"": {Burst: 100, Rate: 5}},
		})
		defer f.end()
		for _, crowd := range []func() toll{func() toll { return f.provision(300) }, func() toll { return f.at(300, f.publish) }, func() toll { return f.at(300, f.unpublish) }} {
			cost := crowd()
			t.Logf("%+v", cost)
			require.Less(t, cost.longest, time.Minute)
			require.Less(t, cost.refused, 30)
			require.LessOrEqual(t, cost.mutating, 330)
			time.Sleep(time.Minute)
		}
	})
}

// TestScale_NoDeviceNameTwice: 50 attachments to one node at once, whose mapping
// is seen late.
func TestScale_NoDeviceNameTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, "m7i.48xlarge", ec2test.Options{
			Latency: ec2test.Between(time.Millisecond, 50*time.Millisecond), Timings: ec2test.EC2Timings(),
			Lag: ec2test.Span{Max: time.Second}, MappingLag: ec2test.Span{Max: 3 * time.Second},
		})
		defer f.end()
		f.provision(127) // all that it takes, beside its root
		names := map[string]bool{}
		for from, n := range map[int]int{0: 50, 50: 50, 100: 27} {
			f.at(n, func(i int) error { return f.publish(from + i) })
			require.Zero(t, f.ec2.Refused("InvalidParameterValue"), "no name is tried that is in use")
			for i := range n {
				v, _ := f.ec2.Volume(f.volumes[from+i])
				require.False(t, names[v.Attachments[0].Device], v.Attachments[0].Device)
				names[v.Attachments[0].Device] = true
			}
		}
		// A new process knows only what the mapping shows.
		f.at(50, f.unpublish)
		time.Sleep(time.Minute)
		f.controller().kill()
		f.at(50, f.publish)
	})
}

// TestScale_OneUnknownIDSpoilsNothing is aws-ebs-csi-driver#2436: one unknown id
// in a batch made ten detachments that had not happened look done.
func TestScale_OneUnknownIDSpoilsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, "m5.large", ec2test.Options{Latency: ec2test.Constant(roundTrip)})
		defer f.end()
		f.provision(10)
		f.at(10, f.publish)
		f.ec2.HoldAttachments()
		const unknown = "vol-0123456789abcdef0"
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() { require.Equal(t, codes.Aborted, status.Code(f.unpublish(i))) })
		}
		for range 20 {
			time.Sleep(time.Second)
			_, err := once(f.world, csipb.ControllerClient.ValidateVolumeCapabilities, &csipb.ValidateVolumeCapabilitiesRequest{VolumeId: unknown, VolumeCapabilities: []*csipb.VolumeCapability{oneWriter}})
			require.Equal(t, codes.NotFound, status.Code(err))
			require.NoError(t, f.controller().backend.Detach(context.Background(), attachment(unknown, f.node(0))))
		}
		group.Wait()
		for i := range 10 {
			require.True(t, f.ec2.Attached(f.volumes[i], f.node(i)))
		}
		f.ec2.ReleaseAttachments()
		f.at(10, f.unpublish)
	})
}
