package loopdisk_test

import (
	"fmt"
	"os"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/backends/ebs/ec2test/loopdisk"
)

// A server whose volumes appear on this machine, and the search for their
// devices that goes into the driver's option FindDevice.
func Example() {
	dir, err := os.MkdirTemp("", "ec2test")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	links := dir + "/by-id"
	server, err := ec2test.New(ec2test.Options{StateDir: dir, Disks: loopdisk.New(links)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	findDevice := loopdisk.Find(links)
	fmt.Println(len(server.Instances()), findDevice != nil)
	// Output: 1 true
}
