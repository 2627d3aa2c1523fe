package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

const (
	driverName = "local.csi.csikit.dev"
	nodeName   = "demo-node"
)

// A driver is examples/local as a process, and a connection to it.
type driver struct {
	binary, socket, log string
	args                []string
	process             *process // nil if it does not run
	conn                *grpc.ClientConn
	identity            csipb.IdentityClient
	controller          csipb.ControllerClient
	node                csipb.NodeClient
}

// newDriver prepares a driver whose files are below dir.
func newDriver(dir string) (*driver, error) {
	d := &driver{
		binary: filepath.Join(dir, "driver"),
		socket: filepath.Join(dir, "csi.sock"),
		log:    filepath.Join(dir, "driver.log"),
	}
	d.args = []string{
		"--endpoint=unix://" + d.socket, "--node-id=" + nodeName, "--log-level=debug",
		"--pool=" + filepath.Join(dir, "pool"), "--state-dir=" + filepath.Join(dir, "state"),
	}
	conn, err := grpc.NewClient("unix://"+d.socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 200 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}))
	if err != nil {
		return nil, err
	}
	d.conn = conn
	d.identity, d.controller, d.node = csipb.NewIdentityClient(conn), csipb.NewControllerClient(conn), csipb.NewNodeClient(conn)
	return d, nil
}

// build compiles the driver.
func (d *driver) build(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-o", d.binary, "github.com/csikit/csikit/examples/local").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// start starts the process and returns when it answers Probe.
func (d *driver) start(ctx context.Context) error {
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if d.process, err = startProcess(log, d.binary, d.args...); err != nil {
		return err
	}
	return d.ready(ctx)
}

// ready waits until the driver answers, or has exited.
func (d *driver) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		_, err := d.identity.Probe(ctx, &csipb.ProbeRequest{})
		answer <- err
	}()
	select {
	case err := <-answer:
		return err
	case <-d.process.ended:
		cancel()
		err := errors.Join(d.process.err, <-answer)
		d.process = nil
		return fmt.Errorf("the driver ended at once: %w", err)
	}
}

// kill ends the process as a crash does: with no chance to tidy up.
func (d *driver) kill() error {
	p := d.process
	d.process = nil
	err := p.cmd.Process.Kill()
	<-p.ended
	return err
}

// stop ends the process as Kubernetes does and returns its verdict. If it does
// not run there is nothing to do.
func (d *driver) stop() error {
	p := d.process
	d.process = nil
	if p == nil {
		return nil
	}
	return p.stop(30 * time.Second)
}

// lastLog returns the end of the driver's log, "" if there is none.
func (d *driver) lastLog(lines int) string {
	text, err := os.ReadFile(d.log)
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
