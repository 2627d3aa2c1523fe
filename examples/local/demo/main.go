// Command demo shows a CSI driver at work on this machine. It builds
// examples/local, starts it as a process of its own on a unix socket, and asks
// of it by gRPC what Kubernetes' sidecars and the kubelet would ask: volumes
// are made, formatted, mounted, grown, snapshotted, restored, cloned and
// deleted, on real loop devices in a temporary directory. What is written is
// verified by checksum, and in the end it proves that nothing is left.
//
// It needs Linux and root. Run it with `make demo`, or
//
//	go run ./examples/local/demo
//
// Exit code 0 means that everything went as told; 1 that something did not, or
// that it was interrupted. It cleans up in every case.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tell := newStory(os.Stdout)
	if err := run(ctx, tell); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		tell.end(err)
		stop()
		os.Exit(1)
	}
	tell.end(nil)
}

// run tells the whole story and always cleans up.
func run(ctx context.Context, tell *story) (err error) {
	if err := preflight(ctx, tell); err != nil {
		return err
	}
	d, err := newDemo(tell)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			tell.log(d.driver.lastLog(15))
		}
		if left := d.cleanup(err != nil); left != nil {
			err = errors.Join(err, fmt.Errorf("cleaning up: %w", left))
		}
	}()
	for _, c := range d.chapters() {
		if err := tell.chapter(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
