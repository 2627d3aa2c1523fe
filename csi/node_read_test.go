package csi_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount/mounttest"
)

func TestRule26_StatsOfWhatIsNotThere(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	stats := func(id, path string) error {
		_, err := n.NodeGetVolumeStats(t.Context(), &csipb.NodeGetVolumeStatsRequest{VolumeId: id, VolumePath: path})
		return err
	}
	n.want(codes.NotFound, stats("v", "/some/path"))
	require.NoError(t, n.stage("v"))
	target := n.path("pod/mount")
	require.NoError(t, n.publish("v", target))
	require.NoError(t, stats("v", n.stagingPath("v")), "the staging path")
	require.NoError(t, stats("v", target), "a target path")
	n.want(codes.NotFound, stats("v", "/some/path"), "v")
	n.want(codes.NotFound, stats("other", target), "other")
	require.NoError(t, n.unpublish("v", target))
	n.want(codes.NotFound, stats("v", target))
	require.NoError(t, table.Unmount(t.Context(), n.stagingPath("v")))
	n.want(codes.NotFound, stats("v", n.stagingPath("v")), "nothing is mounted")
}

// TestR14_StatsNeverQueue: they are answered while the volume is held.
func TestR14_StatsNeverQueue(t *testing.T) {
	backend := &nodeFake{}
	n, _ := newNode(t, backend)
	require.NoError(t, n.stage("v"))
	entered, leave := make(chan struct{}), make(chan struct{})
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) {
		close(entered)
		<-leave
		return csi.Share{Type: "nfs", Source: "server:/v"}, nil
	})
	done := make(chan error)
	go func() { done <- n.stage("v") }()
	<-entered
	r, err := n.NodeGetVolumeStats(t.Context(), &csipb.NodeGetVolumeStatsRequest{VolumeId: "v", VolumePath: n.stagingPath("v")})
	require.NoError(t, err)
	require.Positive(t, r.GetUsage()[0].GetTotal())
	close(leave)
	require.NoError(t, <-done)
}

func TestRule27_ExpandAShare(t *testing.T) {
	backend := &growingFake{}
	n, _ := newNode(t, backend)
	expand := func(id, path string, size int64) error {
		_, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{
			VolumeId: id, VolumePath: path, CapacityRange: &csipb.CapacityRange{RequiredBytes: size},
		})
		return err
	}
	n.want(codes.NotFound, expand("v", n.path("x"), 1))
	require.NoError(t, n.stage("v"))
	require.NoError(t, expand("v", n.stagingPath("v"), 1<<30))
	_, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{VolumeId: "v", VolumePath: n.stagingPath("v")})
	require.NoError(t, err, "capacity_range is optional")
	require.Equal(t, int64(1<<30), backend.asked[0].Size.Required)
	require.Equal(t, n.stagingPath("v"), backend.asked[0].StagingPath)
	require.Empty(t, backend.asked[0].Context)
}

type growingFake struct {
	nodeFake
	asked []csi.Expansion
}

func (f *growingFake) GrowDevice(_ context.Context, e csi.Expansion) error {
	f.asked = append(f.asked, e)
	return nil
}

func TestRule28_NodeGetInfo(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	for _, test := range []struct {
		name    string
		backend csi.Locator
		id      string
		want    codes.Code
		node    string
	}{
		{"host name", &nodeFake{}, "", codes.OK, host},
		{"Options.NodeID", &nodeFake{}, "n1", codes.OK, "n1"},
		{"DescribeNode", &describedFake{info: csi.NodeInfo{ID: "n2", MaxVolumes: 7, Topology: csi.Topology{"zone": "a"}}}, "", codes.OK, "n2"},
		{"no id", &describedFake{info: csi.NodeInfo{Topology: csi.Topology{"zone": "a"}}}, "", codes.Internal, ""},
		{"too few volumes", &describedFake{info: csi.NodeInfo{ID: "n", MaxVolumes: -1, Topology: csi.Topology{"zone": "a"}}}, "", codes.Internal, ""},
		{"a key is missing", &describedFake{info: csi.NodeInfo{ID: "n"}}, "", codes.Internal, ""},
		{"another key", &describedFake{info: csi.NodeInfo{ID: "n", Topology: csi.Topology{"rack": "a"}}}, "", codes.Internal, ""},
		{"a bad value", &describedFake{info: csi.NodeInfo{ID: "n", Topology: csi.Topology{"zone": "-"}}}, "", codes.Internal, ""},
		{"unavailable", &describedFake{err: csi.ErrUnavailable}, "", codes.Unavailable, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := startNode(t, test.backend, t.TempDir(), csi.Options{Mounts: &mounttest.Table{}, NodeID: test.id})
			r, err := n.NodeGetInfo(t.Context(), &csipb.NodeGetInfoRequest{})
			n.want(test.want, err)
			require.Equal(t, test.node, r.GetNodeId())
		})
	}
}

type describedFake struct {
	nodeFake
	info csi.NodeInfo
	err  error
}

func (f *describedFake) Traits() csi.Traits { return csi.Traits{TopologyKeys: []string{"zone"}} }
func (f *describedFake) DescribeNode(context.Context) (csi.NodeInfo, error) {
	return f.info, f.err
}

// TestRuling25_LostStateOfWhatIsMounted: what the kernel shows is enough to
// measure and to grow, and never another volume's.
func TestRuling25_LostStateOfWhatIsMounted(t *testing.T) {
	backend := &growingFake{}
	n, _ := newNode(t, backend)
	target := n.path("pod/mount")
	require.NoError(t, n.stage("v"))
	require.NoError(t, n.publish("v", target))
	require.NoError(t, os.RemoveAll(n.opts.StateDir))
	stats := func(id, path string) error {
		_, err := n.NodeGetVolumeStats(t.Context(), &csipb.NodeGetVolumeStatsRequest{VolumeId: id, VolumePath: path})
		return err
	}
	expand := func(id, path, staging string) error {
		_, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{VolumeId: id, VolumePath: path, StagingTargetPath: staging})
		return err
	}
	require.NoError(t, stats("v", target))
	require.NoError(t, stats("v", n.stagingPath("v")))
	require.NoError(t, expand("v", target, n.stagingPath("v")))
	require.NoError(t, expand("v", target, ""))
	require.Len(t, backend.asked, 2)
	require.Equal(t, n.stagingPath("v"), backend.asked[0].StagingPath)
	for _, path := range []string{n.path("nothing/here"), "/"} {
		n.want(codes.NotFound, stats("v", path))
		n.want(codes.NotFound, expand("v", path, ""))
	}
	require.NoError(t, n.stage("w"))
	require.NoError(t, n.publish("w", n.path("w/mount")))
	for _, path := range []string{n.path("w/mount"), n.stagingPath("w")} {
		n.want(codes.NotFound, stats("v", path), "v")
		n.want(codes.NotFound, expand("v", path, ""), "v")
	}
}
