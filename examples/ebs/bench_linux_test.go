package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// BenchmarkEBS is the table of make bench-ebs: what RPCs of the real program cost,
// through gRPC, with an EC2 that takes 3 ms a call and half of its usual time for
// each change. CSIKIT_BENCH_EBS is that part: 0.5, or 1 for all of it. EC2 and the
// clients run on this machine too, so a slow one shows in the figures.
func BenchmarkEBS(b *testing.B) {
	scale, err := strconv.ParseFloat(os.Getenv("CSIKIT_BENCH_EBS"), 64)
	if err != nil {
		b.Skip("takes minutes: make bench-ebs")
	}
	for range b.N {
		r := newRig(b, scale)
		idle := r.controller.memory(b)
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "RPC\tat once\tmutating\tdescribing\tp50\tp99\tEC2's own\t")
		for _, n := range []int{1, 10, 100, 1000} {
			r.round(n, table)
		}
		require.NoError(b, table.Flush())
		node := start(b, r.program, r.dir, "node", r.url, "--instance-type=m5.large")
		_, err := csipb.NewNodeClient(node.conn).NodeGetInfo(b.Context(), &csipb.NodeGetInfoRequest{})
		require.NoError(b, err)
		size, err := os.Stat(r.program)
		require.NoError(b, err)
		fmt.Printf("\nbinary %d MB; memory (RSS): controller %s idle, %s now; node %s\n", size.Size()/1e6, idle, r.controller.memory(b), node.memory(b))
	}
}

// A rig is the program as a controller, on an EC2 with ten large nodes.
type rig struct {
	*testing.B
	ec2               *ec2test.Server
	timings           ec2test.Timings
	dir, program, url string
	controller        *plugin
	serial            int
	volumes           []string
	snapshots         []string
}

const rigNodes = 10

func rigNode(i int) string { return fmt.Sprintf("i-%017x", 1+i%rigNodes) }

func newRig(b *testing.B, scale float64) *rig {
	r := &rig{B: b, dir: b.TempDir(), timings: ec2test.EC2Timings().Scale(scale)}
	o := ec2test.Options{Timings: r.timings, Latency: ec2test.Constant(3 * time.Millisecond)}
	for i := range rigNodes {
		o.Instances = append(o.Instances, ec2test.Instance{ID: rigNode(i), Type: "m7i.48xlarge"})
	}
	r.ec2 = ec2test.NewServer(b, o)
	r.url = r.ec2.URL()
	r.program = filepath.Join(r.dir, "ebs")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s", "-o", r.program, ".") // as in the image
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(b, err, string(out))
	r.controller = start(b, r.program, r.dir, "controller", r.url)
	return r
}

// A plugin is the program as it runs.
type plugin struct {
	conn *grpc.ClientConn
	pid  int
}

func start(b *testing.B, program, dir, mode, url string, flags ...string) *plugin {
	endpoint := "unix://" + filepath.Join(dir, mode+".sock")
	cmd := exec.Command(program, append([]string{"--mode=" + mode, "--endpoint=" + endpoint, "--state-dir=" + filepath.Join(dir, mode)}, flags...)...)
	cmd.Env = append(os.Environ(), "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=ec2test", "AWS_SECRET_ACCESS_KEY=ec2test",
		"AWS_ENDPOINT_URL_EC2="+url, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+url)
	log, err := os.Create(filepath.Join(dir, mode+".log"))
	require.NoError(b, err)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(b, cmd.Start())
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	require.NoError(b, err)
	b.Cleanup(func() {
		_ = conn.Close()
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		_ = log.Close()
	})
	ready, stop := context.WithTimeout(b.Context(), 20*time.Second)
	defer stop()
	if _, err = csipb.NewIdentityClient(conn).GetPluginInfo(ready, &csipb.GetPluginInfoRequest{}); err != nil {
		text, _ := os.ReadFile(log.Name())
		b.Fatalf("%v\n%s", err, text)
	}
	return &plugin{conn, cmd.Process.Pid}
}

// memory is the resident set of the process.
func (p *plugin) memory(b *testing.B) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	require.NoError(b, err)
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.Fields(kb)[0])
			require.NoError(b, err)
			return fmt.Sprintf("%d MB", n/1000)
		}
	}
	return "?"
}

// round makes each RPC n times at once; alone, three times one after the other.
func (r *rig) round(n int, table *tabwriter.Writer) {
	r.volumes, r.snapshots, r.serial = make([]string, n), make([]string, n), r.serial+1
	times := 1
	if n == 1 {
		times = 3
	}
	took := map[string][]time.Duration{}
	calls := map[string][2]int{}
	steps := r.steps()
	for range times {
		r.serial++
		for _, s := range steps {
			mutating, describing := r.measure(n, s, took)
			calls[s.name] = [2]int{calls[s.name][0] + mutating, calls[s.name][1] + describing}
		}
	}
	for _, s := range steps {
		d := took[s.name]
		slices.Sort(d)
		per := func(count int) string { return strconv.FormatFloat(float64(count*10/times)/10, 'f', -1, 64) }
		own := "-"
		if s.takes != (ec2test.Span{}) {
			own = fmt.Sprintf("%.1f-%.1f s", s.takes.Min.Seconds(), s.takes.Max.Seconds())
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%.3f s\t%.3f s\t%s\t\n", s.name, n, per(calls[s.name][0]), per(calls[s.name][1]), d[len(d)/2].Seconds(), d[min(len(d)-1, len(d)*99/100)].Seconds(), own)
	}
}

// A step is an RPC of a volume's life.
type step struct {
	name  string
	takes ec2test.Span // EC2's own change
	call  func(ctx context.Context, c csipb.ControllerClient, i int) error
}

func (r *rig) steps() []step {
	return []step{
		{"CreateVolume", r.timings.Create, r.create},
		{"ControllerPublish", r.timings.Attach, func(ctx context.Context, c csipb.ControllerClient, i int) error {
			_, err := c.ControllerPublishVolume(ctx, &csipb.ControllerPublishVolumeRequest{VolumeId: r.volumes[i], NodeId: rigNode(i), VolumeCapability: capability()})
			return err
		}},
		{"ControllerExpand", r.timings.Modify, func(ctx context.Context, c csipb.ControllerClient, i int) error {
			_, err := c.ControllerExpandVolume(ctx, &csipb.ControllerExpandVolumeRequest{VolumeId: r.volumes[i], CapacityRange: &csipb.CapacityRange{RequiredBytes: 2 * gib}, VolumeCapability: capability()})
			return err
		}},
		{"CreateSnapshot", ec2test.Span{}, func(ctx context.Context, c csipb.ControllerClient, i int) error {
			out, err := c.CreateSnapshot(ctx, &csipb.CreateSnapshotRequest{Name: "snap-" + r.volumes[i], SourceVolumeId: r.volumes[i]})
			r.snapshots[i] = out.GetSnapshot().GetSnapshotId()
			return err
		}},
		{"ControllerUnpublish", r.timings.Detach, func(ctx context.Context, c csipb.ControllerClient, i int) error {
			_, err := c.ControllerUnpublishVolume(ctx, &csipb.ControllerUnpublishVolumeRequest{VolumeId: r.volumes[i], NodeId: rigNode(i)})
			return err
		}},
		{"DeleteSnapshot", ec2test.Span{}, func(ctx context.Context, c csipb.ControllerClient, i int) error {
			_, err := c.DeleteSnapshot(ctx, &csipb.DeleteSnapshotRequest{SnapshotId: r.snapshots[i]})
			return err
		}},
		{"DeleteVolume", ec2test.Span{}, func(ctx context.Context, c csipb.ControllerClient, i int) error {
			_, err := c.DeleteVolume(ctx, &csipb.DeleteVolumeRequest{VolumeId: r.volumes[i]})
			return err
		}},
	}
}

func (r *rig) create(ctx context.Context, c csipb.ControllerClient, i int) error {
	out, err := c.CreateVolume(ctx, &csipb.CreateVolumeRequest{
		Name: fmt.Sprintf("pvc-%d-%d", r.serial, i), CapacityRange: &csipb.CapacityRange{RequiredBytes: gib}, VolumeCapabilities: []*csipb.VolumeCapability{capability()},
		AccessibilityRequirements: &csipb.TopologyRequirement{Requisite: []*csipb.Topology{{Segments: map[string]string{"topology.kubernetes.io/zone": r.ec2.Region() + "a"}}}},
	})
	r.volumes[i] = out.GetVolume().GetVolumeId()
	return err
}

// measure makes one step n times at once.
func (r *rig) measure(n int, s step, took map[string][]time.Duration) (mutating, describing int) {
	r.ec2.ForgetCalls()
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Minute)
	defer cancel()
	var mu sync.Mutex
	var group sync.WaitGroup
	client := csipb.NewControllerClient(r.controller.conn)
	for i := range n {
		group.Go(func() {
			start := time.Now()
			err := s.call(ctx, client, i)
			mu.Lock()
			defer mu.Unlock()
			took[s.name] = append(took[s.name], time.Since(start))
			if err != nil {
				r.Errorf("%s %d of %d: %v", s.name, i, n, err)
			}
		})
	}
	group.Wait()
	if r.Failed() {
		r.FailNow()
	}
	for api, count := range r.ec2.Counts() {
		switch {
		case strings.HasPrefix(api, "Describe"):
			describing += count
		default:
			mutating += count
		}
	}
	return mutating, describing
}
