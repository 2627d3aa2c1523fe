package loopdev_test

import (
	"context"
	"fmt"
	"os"

	"github.com/csikit/csikit/internal/loopdev"
)

// A file is attached unless it is attached already. The caller holds a lock.
func Example() {
	file := "/srv/pool/volumes/1/image"
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		fmt.Println("no image")
		return
	}
	defer f.Close()
	if found, _ := loopdev.Find(f); len(found) > 0 {
		fmt.Println("already", found[0].Path)
		return
	}
	device, _ := loopdev.Attach(context.Background(), f, loopdev.Options{})
	defer device.Close()
	fmt.Println("attached", device.Name())
	// Output: no image
}
