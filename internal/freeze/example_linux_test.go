package freeze_test

import (
	"fmt"

	"github.com/csikit/csikit/internal/freeze"
)

// The device is copied while nobody writes to it, if a file system is mounted
// from it.
func Example() {
	root, err := freeze.Root("/dev/loop99999")
	if err != nil {
		fmt.Println("no such device")
		return
	}
	if root == nil {
		fmt.Println("not mounted: nobody writes through a file system")
		return
	}
	defer root.Close()
	err = freeze.While(root, func() error {
		fmt.Println("copy the device now")
		return nil
	})
	fmt.Println(err)
	// Output: no such device
}
