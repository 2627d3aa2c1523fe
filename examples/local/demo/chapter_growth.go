package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc/status"
)

func (d *demo) growth() chapter {
	x := d.grown
	return chapter{"A volume grows while a pod writes to it", []step{
		{"kubelet", fmt.Sprintf("NodeExpandVolume %s (ext4) to %s", d.data.name, size(2*gib)), func(ctx context.Context) (string, error) {
			return d.growExt4(ctx)
		}},
		{"provisioner", fmt.Sprintf("CreateVolume %s, %s, xfs; NodeStage, NodePublish", x.name, size(x.size)), func(ctx context.Context) (string, error) {
			return "ready", d.ready(ctx, x)
		}},
		{"kubelet", fmt.Sprintf("NodeExpandVolume %s (xfs) to %s", x.name, size(gib)), func(ctx context.Context) (string, error) {
			return d.growUnderLoad(ctx, x, gib)
		}},
		{podA, "reads back what it wrote to " + d.data.name, func(context.Context) (string, error) {
			return d.data.verify(podA)
		}},
		{"kubelet", "NodeUnstage and NodeStage of " + d.data.name + ", as for the next pod", d.restage},
	}}
}

// ready makes a volume and publishes it to pod A.
func (d *demo) ready(ctx context.Context, v *volume) error {
	if err := d.create(ctx, v, nil); err != nil {
		return err
	}
	return d.use(ctx, v, podA)
}

// growExt4 grows the ext4 volume, or says why this machine's kernel does not.
func (d *demo) growExt4(ctx context.Context) (string, error) {
	told, err := d.growUnderLoad(ctx, d.data, 2*gib)
	if _, refused := status.FromError(err); err != nil && refused && !mayGrowExt4() {
		return "the kernel refuses to grow a mounted ext4 without CAP_SYS_RESOURCE, which is lacking here. " +
			"Nothing is lost; the next steps show it with xfs. The kubelet sees:\n" + message(err), nil
	}
	return told, err
}

// growUnderLoad grows v while a pod writes, and verifies all that was written.
func (d *demo) growUnderLoad(ctx context.Context, v *volume, to int64) (string, error) {
	l := newLoad(v.path(podA, "load"))
	type result struct {
		checksum string
		err      error
	}
	done := make(chan result, 1)
	go func() {
		sum, err := l.run()
		done <- result{sum, err}
	}()
	select {
	case <-l.started:
	case r := <-done: // it failed at once
		return "", r.err
	}
	_, growErr := d.grow(ctx, v, podA, to)
	close(l.ended)
	r := <-done
	v.files["load"] = written{l.bytes, r.checksum}
	if r.err != nil {
		return "", fmt.Errorf("the pod cannot write: %w", r.err)
	}
	if growErr != nil {
		return "", growErr
	}
	if _, err := v.verify(podA); err != nil {
		return "", err
	}
	v.size = to
	return d.tellGrowth(ctx, v, l)
}

func (d *demo) tellGrowth(ctx context.Context, v *volume, l *load) (string, error) {
	total, _, err := d.total(ctx, v, podA)
	if err == nil && total < v.size*9/10 {
		err = fmt.Errorf("the file system has only %s", size(total))
	}
	return fmt.Sprintf("now %s; meanwhile %s wrote %s without an error; the checksum is right", size(total), podA, size(l.bytes)), err
}

// restage takes the volume from the pod and gives it back. A file system that
// is smaller than its device is grown before it is mounted.
func (d *demo) restage(ctx context.Context) (string, error) {
	v := d.data
	if err := d.retire(ctx, v); err != nil {
		return "", err
	}
	if err := d.use(ctx, v, podA); err != nil {
		return "", err
	}
	told, err := v.verify(podA)
	if err != nil {
		return "", err
	}
	total, _, err := d.total(ctx, v, podA)
	if err == nil && total < 2*gib*9/10 {
		err = fmt.Errorf("the file system has only %s", size(total))
	}
	return told + "; it has " + size(total) + " now", err
}
