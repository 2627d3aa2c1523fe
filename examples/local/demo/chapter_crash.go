package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (d *demo) crashRecovery() chapter {
	v := d.crash
	return chapter{"The driver is killed in the middle of its work", []step{
		{"provisioner", "CreateVolume " + v.name + " from " + d.grown.name + "; then SIGKILL", d.killDuringClone},
		{podA, "goes on writing and reading meanwhile", func(context.Context) (string, error) {
			if _, err := d.grown.write(podA, "meanwhile", 4, mib); err != nil {
				return "", err
			}
			return d.data.verify(podA)
		}},
		{"kubelet", "starts the driver's container again", func(ctx context.Context) (string, error) {
			return "the socket of the dead process was replaced", d.driver.start(ctx)
		}},
		{"provisioner", "CreateVolume " + v.name + " again, the same request", func(ctx context.Context) (string, error) {
			v.files = maps.Clone(d.grown.files)
			if err := d.create(ctx, v, fromVolume(d.grown.id)); err != nil {
				return "", err
			}
			return "volume " + v.id + ", listed once", d.exactlyOnce(ctx, v)
		}},
		{"kubelet", "NodeStage and NodePublish of " + v.name, func(ctx context.Context) (string, error) {
			return "ready", d.use(ctx, v, podB)
		}},
		{podB, "reads it", func(context.Context) (string, error) { return v.verify(podB) }},
		{"kubelet", "NodePublishVolume of " + d.data.name + ", as after every restart", func(ctx context.Context) (string, error) {
			return d.republish(ctx, d.data)
		}},
		{"kubelet", "NodeGetVolumeStats of " + d.data.name, func(ctx context.Context) (string, error) {
			total, used, err := d.total(ctx, d.data, podA)
			return fmt.Sprintf("the new process knows the volume: %s, %s used", size(total), size(used)), err
		}},
	}}
}

// killDuringClone starts a clone and kills the driver as soon as something of
// it is in the pool.
func (d *demo) killDuringClone(ctx context.Context) (string, error) {
	pool := filepath.Join(d.dir, "pool")
	before, err := entries(pool)
	if err != nil {
		return "", err
	}
	v := newVolume("crash", d.crash.fstype, d.crash.size)
	answer := make(chan error, 1)
	callCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { answer <- d.create(callCtx, v, fromVolume(d.grown.id)) }()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case err = <-answer:
			return "it was done before it could be killed", errors.Join(err, d.driver.kill())
		case <-poll.C:
			now, err := entries(pool)
			if err != nil || now == before {
				continue
			}
			if err := d.driver.kill(); err != nil {
				return "", err
			}
			return d.tellKill(<-answer)
		}
	}
}

// tellKill judges what the caller of the RPC saw when the process died.
func (d *demo) tellKill(err error) (string, error) {
	switch status.Code(err) {
	case codes.OK:
		return "killed just after it had answered", nil
	case codes.Unavailable, codes.Canceled:
		return fmt.Sprintf("the caller sees %v: the outcome is unknown, ask again", status.Code(err)), nil
	}
	return "", err
}

// entries counts what is in the pool, at any depth.
func entries(dir string) (n int, err error) {
	err = filepath.WalkDir(dir, func(_ string, _ os.DirEntry, err error) error {
		n++
		if errors.Is(err, os.ErrNotExist) { // renamed meanwhile
			return nil
		}
		return err
	})
	return n, err
}

// exactlyOnce checks that no second volume and no unfinished one is listed.
func (d *demo) exactlyOnce(ctx context.Context, v *volume) error {
	ids, _, err := d.list(ctx)
	if err != nil {
		return err
	}
	if len(ids) != 6 {
		return fmt.Errorf("6 volumes should be listed, %s once: %v", v.id, ids)
	}
	return nil
}
