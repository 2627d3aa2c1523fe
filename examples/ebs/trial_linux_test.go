package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/backends/ebs/ec2test/loopdisk"
	"github.com/csikit/csikit/internal/looptest"
)

// A trial is this program with --emulate, in mode all.
type trial struct {
	*testing.T
	dir      string
	endpoint string
	log      record
	conn     *grpc.ClientConn
	stop     func() // the program, once
}

// A record is a log that can be read while it is written.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// newTrial starts the program. When the test ends it must stop in order, and
// must not have left a volume, an attachment, a loop device or a mount.
func newTrial(t *testing.T) *trial {
	looptest.NeedRoot(t)
	// Neither may lead anywhere: all calls stay in the process.
	t.Setenv("AWS_EC2_ENDPOINT", "http://192.0.2.1:1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	c := &trial{T: t, dir: looptest.Dir(t)}
	c.endpoint = "unix://" + filepath.Join(c.dir, "csi.sock")
	c.start()
	t.Cleanup(func() {
		c.stop()
		if t.Failed() {
			c.clear()
			return
		}
		c.nothingLeft()
	})
	return c
}

// start starts the program, on what an earlier start has left, and returns when
// it answers.
func (c *trial) start() {
	args := []string{"--emulate=" + c.ec2(), "--emulate-speed=100", "--default-fstype=xfs",
		"--endpoint=" + c.endpoint, "--state-dir=" + filepath.Join(c.dir, "node")}
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() { code <- program().Run(ctx, args, nil, c.Output(), io.MultiWriter(c.Output(), &c.log)) }()
	conn, err := grpc.NewClient(c.endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	require.NoError(c, err)
	c.conn, c.stop = conn, sync.OnceFunc(func() {
		_ = conn.Close()
		cancel()
		select {
		case have := <-code:
			assert.Zero(c, have, "exit code")
		case <-time.After(30 * time.Second):
			c.Error("the driver does not stop")
		}
	})
	ready, stop := context.WithTimeout(c.Context(), 20*time.Second)
	defer stop()
	if _, err = csipb.NewIdentityClient(conn).GetPluginInfo(ready, &csipb.GetPluginInfoRequest{}); err != nil {
		c.stop()
		c.Fatal(err)
	}
}

// restart stops the program and starts it again, as an update does.
func (c *trial) restart() {
	c.stop()
	c.start()
}

// inEC2 stops the program, to read what the emulator has, and starts it again.
func (c *trial) inEC2(want map[string]ec2test.Shape) {
	c.stop()
	have := map[string]ec2test.Shape{}
	s, err := ec2test.New(ec2test.Options{StateDir: c.ec2()})
	require.NoError(c, err)
	for _, v := range s.Volumes() {
		if v.Tags["CSIVolumeName"] != "" {
			have[v.ID] = ec2test.Shape{Type: v.Type, Size: v.Size, IOPS: v.IOPS}
			assert.Len(c, v.Attachments, 1, v.ID)
		}
	}
	s.Close()
	require.Equal(c, want, have)
	c.start()
}

// ec2 is the directory of the emulator.
func (c *trial) ec2() string { return filepath.Join(c.dir, "ec2") }

// nothingLeft reads what the emulator has kept, after the driver has stopped.
// looptest.Dir looks for loop devices and mounts.
func (c *trial) nothingLeft() {
	s, err := ec2test.New(ec2test.Options{StateDir: c.ec2()})
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
	links, err := os.ReadDir(filepath.Join(c.ec2(), "by-id"))
	require.NoError(c, err)
	assert.Empty(c, links)
}

// clear takes mounts and disks away that a failed test has left.
func (c *trial) clear() {
	mounts, err := filepath.Glob(filepath.Join(c.dir, "kubelet", "*", "*"))
	assert.NoError(c, err)
	for _, path := range mounts {
		_ = syscall.Unmount(filepath.Join(path, "mount"), syscall.MNT_DETACH) // most are none
		_ = syscall.Unmount(path, syscall.MNT_DETACH)
	}
	s, err := ec2test.New(ec2test.Options{StateDir: c.ec2(), Disks: loopdisk.New(filepath.Join(c.ec2(), "by-id"))})
	if assert.NoError(c, err) {
		s.Close()
		assert.NoError(c, s.Unplug())
	}
}
