package mount_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

// A node stages a device and publishes it read-only to a pod. Every step may
// have been done before by a process that has been killed since.
func ExampleKernel() {
	ctx, table := context.Background(), mount.NewKernel()
	device, err := os.OpenFile("/dev/disk/by-id/volume-1", os.O_RDWR, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer device.Close()

	err = table.Mount(ctx, mount.Mount{Type: "xfs", Device: device}, "/staging/volume-1")
	if errors.Is(err, mount.ErrMounted) {
		info, findErr := table.Find("/staging/volume-1") // is it this device, and writable?
		fmt.Println(info.Device, info.ReadOnly, findErr)
	}
	err = table.Bind(ctx, mount.Binding{Source: "/staging/volume-1", Target: "/pods/1/volume", ReadOnly: true})
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleTable() {
	var table mount.Table = &mounttest.Table{} // mount.NewKernel() in a driver
	ctx := context.Background()
	if err := table.Mount(ctx, mount.Mount{Type: "nfs", Source: "server:/export"}, "/staging"); err != nil {
		log.Fatal(err)
	}
	info, err := table.Find("/staging")
	fmt.Println(info.Type, info.Source, info.Layers, err)
	fmt.Println(table.Unmount(ctx, "/staging"))
	_, err = table.Find("/staging")
	fmt.Println(errors.Is(err, mount.ErrNotMounted))
	// Output:
	// nfs server:/export 1 <nil>
	// <nil>
	// true
}

func ExampleParseOption() {
	o, err := mount.ParseOption(`context="system_u:object_r:container_file_t:s0:c1,c2"`)
	fmt.Println(o.Key, o.Value, err)
	_, err = mount.ParseOption("noatime,bind")
	fmt.Println(errors.Is(err, mount.ErrOption))
	// Output:
	// context system_u:object_r:container_file_t:s0:c1,c2 <nil>
	// true
}

func ExampleCheckOptions() {
	fmt.Println(mount.CheckOptions("ext4", []mount.Option{{Key: "noatime"}, {Key: "data", Value: "ordered"}}))
	fmt.Println(mount.CheckOptions("ext4", []mount.Option{{Key: "errors", Value: "panic"}}))
	// Output:
	// <nil>
	// bad mount option: errors=panic: a value not allowed; allowed are remount-ro, continue
}
