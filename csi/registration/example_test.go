package registration_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/csikit/csikit/csi/registration"
)

// A driver that does not use package csi/cli registers itself beside its server.
func ExampleRun() {
	dir, _ := os.MkdirTemp("", "kubelet") // on a node: /var/lib/kubelet
	defer os.RemoveAll(dir)
	_ = os.Mkdir(filepath.Join(dir, "plugins_registry"), 0o700)

	ctx, stop := context.WithCancel(context.Background())
	stop() // a driver ends it when it ends itself
	err := registration.Run(ctx, registration.Options{
		Driver:   "pool.csi.example.com",
		Endpoint: dir + "/plugins/pool.csi.example.com/csi.sock",
		Socket:   registration.Socket(dir, "pool.csi.example.com"),
	})
	fmt.Println(err)
	// Output: <nil>
}
