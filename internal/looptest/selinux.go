package looptest

import (
	"os"
	"testing"
)

// NeedSELinux skips the test unless the policy of this machine's kernel knows
// the context. Where CSIKIT_VM_SELINUX is set, it has to.
func NeedSELinux(t testing.TB, context string) {
	t.Helper()
	NeedRoot(t)
	err := os.WriteFile("/sys/fs/selinux/context", append([]byte(context), 0), 0)
	switch {
	case err == nil:
	case os.Getenv("CSIKIT_VM_SELINUX") != "":
		t.Fatalf("SELinux does not know %s: %v", context, err)
	default:
		t.Skipf("needs a kernel with an SELinux policy that knows %s, as make test-vm boots: %v", context, err)
	}
}
