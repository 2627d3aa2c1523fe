package csitest_test

import (
	"testing"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/csitest"
)

// The conformance test of a driver. Memory stands for the driver's backend,
// and its map for the storage.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestBackend(t *testing.T) {
		csitest.Run(t, func(t *testing.T) csitest.Harness {
			storage := csitest.NewMemory(nil)
			return csitest.Harness{
				Backend:    func() csi.Locator { return storage.On("node-1") }, // a plugin that has just started
				OtherNode:  "node-2",
				Parameters: map[string]string{"tier": "gold"},
				Leaks:      storage.Left,
			}
		})
	}
	// Output:
}

// A test of one's own against a driver on the reference backend.
func ExampleStart() {
	_ = func(t *testing.T) {
		driver := csitest.NewMemory(nil).Harness().NewDriver(t)
		conn := csitest.Start(t, driver) // stopped, and looked through for leaks, when the test ends
		_ = conn                         // csipb.NewControllerClient(conn) …
	}
	// Output:
}
