package main

import (
	"testing"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/csitest"
)

// TestConformance is all that a backend's author needs to write to have it
// checked against the specification. Mounts are in memory: it needs no root.
func TestConformance(t *testing.T) {
	csitest.RunParallel(t, func(t *testing.T) csitest.Harness {
		dir := t.TempDir()
		return csitest.Harness{Backend: func() csi.Locator { return backend(dir) }}
	})
}
