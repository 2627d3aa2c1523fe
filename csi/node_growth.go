package csi

import (
	"os"
	"strconv"
	"strings"
	"sync"
)

// capSysResource is the number of CAP_SYS_RESOURCE, see capabilities(7).
const capSysResource = 24

// mayGrowOnline reports whether the kernel lets this process grow a mounted
// ext4: that needs CAP_SYS_RESOURCE (ext4_resize_begin in fs/ext4/resize.c).
// Where it cannot be found out, the kernel will say. No process gets a
// capability later that it did not have when it began.
var mayGrowOnline = sync.OnceValue(func() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(status)) {
		if set, ok := strings.CutPrefix(line, "CapEff:"); ok {
			caps, err := strconv.ParseUint(strings.TrimSpace(set), 16, 64)
			return err != nil || caps>>capSysResource&1 == 1
		}
	}
	return true
})
