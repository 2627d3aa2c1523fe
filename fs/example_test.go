package fs_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/csikit/csikit/fs"
)

func ExampleCheckFormat() {
	err := fs.CheckFormat(fs.Format{
		Type:    "xfs",
		UUID:    "6f1c1a52-0d6a-5c1e-9a51-2f64a1a3c001",
		Options: map[string]string{"bytesPerInode": "65536"},
	})
	fmt.Println(errors.Is(err, fs.ErrOption), err)
	// Output:
	// true bad format option: xfs has no option "bytesPerInode"; it has blockSize, inodeSize, reflink, rmapbt, bigtime, inobtcount, sectorSize, agCount, maxInodePercentage, logSize, stripeUnit, stripeCount, label
}

// What a node plugin does with a device that a volume is on.
func ExampleDevice_Probe() {
	prepare := func(ctx context.Context, path, uuid string) error {
		device, err := fs.Open(path)
		if err != nil {
			return err // nothing there, or not a block device: not "unformatted"
		}
		defer device.Close()
		content, err := device.Probe(ctx)
		if err != nil {
			return err // a read failed: nothing is known, and nothing is written
		}
		switch {
		case content.State == fs.Empty, content.InProgress && content.UUID == uuid:
			return device.Format(ctx, fs.Format{Type: "ext4", UUID: uuid})
		case content.State == fs.Known:
			return device.Check(ctx, content)
		}
		return fmt.Errorf("%s holds %s: leave it alone", path, content)
	}
	err := prepare(context.Background(), "/no/such/device", "6f1c1a52-0d6a-5c1e-9a51-2f64a1a3c001")
	fmt.Println(err != nil)
	// Output: true
}

func ExampleGauge() {
	var gauge fs.Gauge // one for the node server
	defer func() { _ = gauge.Close(context.Background()) }()
	usage, err := gauge.Usage(context.Background(), ".")
	fmt.Println(err == nil && usage.Bytes > 0 || errors.Is(err, errors.ErrUnsupported))
	// Output: true
}
