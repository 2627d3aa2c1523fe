package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/csikit/csikit/internal/looptest"
)

// gib is the size of the volume.
const gib = 1 << 30

// stages are the parts of the way from nothing to a pod's read-only directory.
// mkfs is what the first NodeStage takes longer than a later one, since the
// driver attaches, proves, formats and mounts in one RPC; mount is that later
// one, and for the tools losetup and mount.
type stages struct{ create, mkfs, mount, bind time.Duration }

func (s stages) sum() time.Duration { return s.create + s.mkfs + s.mount + s.bind }

func (s *stages) add(t stages) {
	s.create, s.mkfs, s.mount, s.bind = s.create+t.create, s.mkfs+t.mkfs, s.mount+t.mount, s.bind+t.bind
}

// BenchmarkCreateToPublish makes, formats, mounts and binds a 1 GiB ext4 volume
// through gRPC, and the same by the command-line tools, by turns.
func BenchmarkCreateToPublish(b *testing.B) {
	looptest.NeedRoot(b)
	dir := b.TempDir()
	run := startForBench(b, dir)
	var driver, tools stages
	n := 0
	for b.Loop() {
		driver.add(run.throughDriver(b, fmt.Sprintf("bench-%d", n)))
		tools.add(throughTools(b, dir))
		n++
	}
	report(b, driver, tools, n)
}

func report(b *testing.B, driver, tools stages, n int) {
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(n) }
	var table strings.Builder
	fmt.Fprintf(&table, "%d times\n%-8s %12s %12s %8s\n", n, "part", "driver", "tools", "ratio")
	for _, row := range []struct {
		name          string
		driver, tools time.Duration
	}{
		{"create", driver.create, tools.create}, {"mkfs", driver.mkfs, tools.mkfs},
		{"mount", driver.mount, tools.mount}, {"bind", driver.bind, tools.bind}, {"all", driver.sum(), tools.sum()},
	} {
		ratio := row.driver.Seconds() / row.tools.Seconds()
		fmt.Fprintf(&table, "%-8s %9.2f ms %9.2f ms %8.2f\n", row.name, ms(row.driver), ms(row.tools), ratio)
		b.ReportMetric(ms(row.driver), row.name+"-driver-ms")
		b.ReportMetric(ms(row.tools), row.name+"-tools-ms")
	}
	b.Log(table.String())
}

// benchDriver is the driver in this process, reached through its socket.
type benchDriver struct {
	dir        string
	controller csipb.ControllerClient
	node       csipb.NodeClient
}

func startForBench(b *testing.B, dir string) benchDriver {
	socket, pool := filepath.Join(dir, "csi.sock"), filepath.Join(dir, "pool")
	must(b, os.Mkdir(pool, 0o700))
	log, err := os.Create(filepath.Join(dir, "log"))
	must(b, err)
	ctx, stop := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() {
		code <- program().Run(ctx, []string{"--endpoint=unix://" + socket, "--pool=" + pool, "--state-dir=" + filepath.Join(dir, "state"),
			"--node-id=bench"}, nil, log, log)
	}()
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	must(b, err)
	b.Cleanup(func() {
		stop()
		if c := <-code; c != 0 {
			text, _ := os.ReadFile(log.Name())
			b.Errorf("the driver ended with code %d:\n%s", c, text)
		}
		must(b, conn.Close())
		must(b, log.Close())
	})
	probe, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	_, err = csipb.NewIdentityClient(conn).Probe(probe, &csipb.ProbeRequest{})
	must(b, err)
	return benchDriver{dir, csipb.NewControllerClient(conn), csipb.NewNodeClient(conn)}
}

// throughDriver asks for what the sidecars and the kubelet ask for.
func (d benchDriver) throughDriver(b *testing.B, name string) stages {
	ctx := b.Context()
	ext4 := &csipb.VolumeCapability{
		AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
		AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{FsType: "ext4"}},
	}
	staging, target := filepath.Join(d.dir, "staging"), filepath.Join(d.dir, "target")
	must(b, os.Mkdir(staging, 0o755))
	var s stages
	var v *csipb.Volume
	s.create = timed(func() {
		answer, err := d.controller.CreateVolume(ctx, &csipb.CreateVolumeRequest{Name: name,
			CapacityRange: &csipb.CapacityRange{RequiredBytes: gib}, VolumeCapabilities: []*csipb.VolumeCapability{ext4}})
		must(b, err)
		v = answer.Volume
	})
	stage := func() {
		_, err := d.node.NodeStageVolume(ctx, &csipb.NodeStageVolumeRequest{VolumeId: v.VolumeId, StagingTargetPath: staging,
			VolumeCapability: ext4, VolumeContext: v.VolumeContext})
		must(b, err)
	}
	unstage := func() {
		_, err := d.node.NodeUnstageVolume(ctx, &csipb.NodeUnstageVolumeRequest{VolumeId: v.VolumeId, StagingTargetPath: staging})
		must(b, err)
	}
	first := timed(stage)
	unstage()
	s.mount = timed(stage)
	s.mkfs = first - s.mount
	s.bind = timed(func() {
		_, err := d.node.NodePublishVolume(ctx, &csipb.NodePublishVolumeRequest{VolumeId: v.VolumeId, StagingTargetPath: staging,
			TargetPath: target, VolumeCapability: ext4, VolumeContext: v.VolumeContext, Readonly: true})
		must(b, err)
	})
	_, err := d.node.NodeUnpublishVolume(ctx, &csipb.NodeUnpublishVolumeRequest{VolumeId: v.VolumeId, TargetPath: target})
	must(b, err)
	unstage()
	_, err = d.controller.DeleteVolume(ctx, &csipb.DeleteVolumeRequest{VolumeId: v.VolumeId})
	must(b, err)
	must(b, os.Remove(staging))
	return s
}

// throughTools does the same by hand.
func throughTools(b *testing.B, dir string) stages {
	image, staging, target := filepath.Join(dir, "image"), filepath.Join(dir, "staging"), filepath.Join(dir, "target")
	must(b, os.Mkdir(staging, 0o755))
	must(b, os.Mkdir(target, 0o755))
	var s stages
	var loop string
	s.create = timed(func() { tool(b, "truncate", "-s", fmt.Sprint(gib), image) })
	attach := timed(func() { loop = tool(b, "losetup", "--find", "--show", "--direct-io=on", image) })
	s.mkfs = timed(func() { tool(b, "mkfs.ext4", "-q", loop) })
	s.mount = attach + timed(func() { tool(b, "mount", loop, staging) })
	s.bind = timed(func() { tool(b, "mount", "--bind", "-o", "ro", staging, target) })
	tool(b, "umount", target)
	tool(b, "umount", staging)
	tool(b, "losetup", "-d", loop)
	must(b, os.Remove(image))
	must(b, os.Remove(target))
	must(b, os.Remove(staging))
	return s
}

func timed(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

func tool(b *testing.B, name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		b.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
