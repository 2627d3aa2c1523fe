package local_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
)

// A volume is found again by its name.
func Example() {
	pool, _ := os.MkdirTemp("", "pool")
	defer os.RemoveAll(pool)
	b, err := local.New(local.Options{Pool: pool, Node: "node-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	spec := csi.VolumeSpec{Name: "pvc-1", Size: csi.SizeRange{Required: 1 << 30}}
	ctx := context.Background()
	one, _ := b.CreateVolume(ctx, spec)
	two, _ := b.CreateVolume(ctx, spec)
	fmt.Println(one.ID == two.ID, one.ID[:7], one.Size)
	_, err = b.Volume(ctx, csi.VolumeRef{ID: "node-1/none"})
	fmt.Println(errors.Is(err, csi.ErrNotFound))
	// Output:
	// true node-1/ 1073741824
	// true
}

// All that is wrong with the options is said at once.
func ExampleNew_errors() {
	_, err := local.New(local.Options{Pool: "pool", Node: "node 1"})
	fmt.Println(err)
	// Output:
	// local: Options.Pool is "pool": set it to the absolute path of the pool's directory
	// local: Options.Node is "node 1": set it to the node's name, 1 to 63 letters, digits, '-', '_' and '.'
}
