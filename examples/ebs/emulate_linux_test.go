package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi/csitest"
	"github.com/csikit/csikit/csi/csitest/sanity"
	"github.com/csikit/csikit/internal/looptest"
)

// A trial is this program with --emulate, in mode all.
type trial struct {
	*testing.T
	ec2      string // the directory of the emulator
	endpoint string
	conn     *grpc.ClientConn
}

// startTrial starts the program. When the test ends it must stop in order, and
// must not have left a volume, an attachment, a loop device or a mount.
func startTrial(t *testing.T) *trial {
	looptest.NeedRoot(t)
	// Neither may lead anywhere: all calls stay in the process.
	t.Setenv("AWS_EC2_ENDPOINT", "http://192.0.2.1:1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	dir := looptest.Dir(t)
	c := &trial{T: t, ec2: filepath.Join(dir, "ec2"), endpoint: "unix://" + filepath.Join(dir, "csi.sock")}
	t.Cleanup(c.nothingLeft)
	c.run("--emulate="+c.ec2, "--emulate-speed=100", "--endpoint="+c.endpoint, "--state-dir="+filepath.Join(dir, "node"), "--default-fstype=xfs")
	return c
}

// run runs the program until the test ends, and returns when it answers.
func (c *trial) run(args ...string) {
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() { code <- program().Run(ctx, args, nil, c.Output(), c.Output()) }()
	c.Cleanup(func() {
		cancel()
		select {
		case have := <-code:
			assert.Zero(c, have, "exit code")
		case <-time.After(30 * time.Second):
			c.Error("the driver does not stop")
		}
	})
	conn, err := grpc.NewClient(c.endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	require.NoError(c, err)
	c.Cleanup(func() { _ = conn.Close() })
	ready, stop := context.WithTimeout(c.Context(), 20*time.Second)
	defer stop()
	_, err = csipb.NewIdentityClient(conn).GetPluginInfo(ready, &csipb.GetPluginInfoRequest{})
	require.NoError(c, err)
	c.conn = conn
}

// nothingLeft reads what the emulator has kept, after the driver has stopped.
// looptest.Dir looks for loop devices and mounts.
func (c *trial) nothingLeft() {
	s, err := ec2test.New(ec2test.Options{StateDir: c.ec2})
	require.NoError(c, err)
	s.Close()
	for _, v := range s.Volumes() {
		if v.Tags["CSIVolumeName"] != "" {
			assert.Contains(c, []string{"deleting", "deleted"}, v.State, "%s: %v", v.ID, v.Attachments)
		}
	}
	for _, n := range s.Snapshots() {
		assert.Empty(c, n.ID, "a snapshot is left: %v", n.Tags)
	}
	links, err := os.ReadDir(filepath.Join(c.ec2, "by-id"))
	require.NoError(c, err)
	assert.Empty(c, links)
}

// TestSanity runs csi-sanity v5.6.0 against the program in mode all, with EC2
// emulated, disks that are really attached, and real file systems and mounts.
func TestSanity(t *testing.T) {
	c := startTrial(t)
	r := sanity.RunAt(t, c.endpoint, csitest.Harness{Size: 1 << 30, Parameters: map[string]string{"type": "gp3"}, Mutable: map[string]string{"throughput": "200"}},
		func(s *sanity.Config) { s.TestNodeVolumeAttachLimit = true })
	require.Zero(t, r.Failed)
	for reason := range r.Reasons {
		require.Regexp(t, "Health|Group|GetCapacity|SNAPSHOT_ACCESSIBILITY|readonly field|disabled", reason)
	}
}
