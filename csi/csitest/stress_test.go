package csitest_test

import (
	"testing"

	"github.com/csikit/csikit/csi/csitest"
)

func TestStressMemory(t *testing.T) {
	csitest.Stress(t, csitest.NewMemory(nil).Harness(), 0)
}
