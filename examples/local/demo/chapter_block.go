package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

func (d *demo) rawBlock() chapter {
	v := d.raw
	return chapter{"A raw block volume", []step{
		{"provisioner", "CreateVolume " + v.name + ", " + size(v.size) + ", volumeMode Block", func(ctx context.Context) (string, error) {
			return "ready", d.create(ctx, v, nil)
		}},
		{"kubelet", "NodeStage and NodePublish", func(ctx context.Context) (string, error) {
			if err := d.use(ctx, v, podA); err != nil {
				return "", err
			}
			return "the pod gets a device of " + size(v.size) + ", never formatted", deviceSize(v.published[podA], v.size)
		}},
		{podA, "fills the device", func(context.Context) (string, error) { return v.write(podA, "device", 3, v.size) }},
		{"kubelet", "NodeExpandVolume to " + size(2*v.size), func(ctx context.Context) (string, error) {
			if _, err := d.grow(ctx, v, podA, 2*v.size); err != nil {
				return "", err
			}
			return "the pod's device has the new size at once", deviceSize(v.published[podA], 2*v.size)
		}},
		{podA, "reads the device", func(context.Context) (string, error) { return v.verify(podA) }},
	}}
}

// deviceSize checks that path is a block device of a size.
func deviceSize(path string, want int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	got, err := f.Seek(0, io.SeekEnd)
	if err == nil && (got != want || info.Mode()&os.ModeDevice == 0) {
		err = fmt.Errorf("%s is %v of %d bytes, want a device of %d", path, info.Mode(), got, want)
	}
	return err
}
