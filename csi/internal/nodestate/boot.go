package nodestate

import (
	"os"
	"strings"
)

// BootID returns the kernel's id of this boot, see random(4); "" where there
// is none.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
