package looptest

import (
	"os"
	"os/exec"
	"testing"
)

// NeedMapper skips the test with a reason unless the kernel has a device
// mapper and cryptsetup is there to use it. `make test-vm` has both.
func NeedMapper(t testing.TB) {
	t.Helper()
	NeedRoot(t)
	if _, err := exec.LookPath("cryptsetup"); err != nil {
		t.Skipf("needs cryptsetup: %v", err)
	}
	f, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs a kernel with device-mapper (make test-vm has one): %v", err)
	}
	_ = f.Close()
}
