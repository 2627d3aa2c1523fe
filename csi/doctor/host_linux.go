package doctor

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/mount"
)

// hostChecks look at the kernel and at what this process may do.
var hostChecks = []check{privileges, kernel, fileSystems, devices}

// privileges: mounting needs CAP_SYS_ADMIN. Online growth of ext4 also needs
// CAP_SYS_RESOURCE, which some sandboxes take even from privileged containers.
func privileges(context.Context, Target) []Finding {
	effective, err := capabilities()
	const mend = "run as root, in Kubernetes with securityContext privileged: true"
	switch {
	case err != nil:
		return []Finding{{"privileges", err.Error(), mend, Failure}}
	case effective&(1<<unix.CAP_SYS_ADMIN) == 0:
		return []Finding{{"privileges", "CAP_SYS_ADMIN is missing: nothing can be mounted", mend, Failure}}
	case effective&(1<<unix.CAP_SYS_RESOURCE) == 0:
		return []Finding{{"privileges", "CAP_SYS_RESOURCE is missing: the kernel refuses to grow mounted ext4", "allow it, or use xfs; ext4 grows at the next start of its pod", Warning}}
	}
	return []Finding{{Check: "privileges", Found: "CAP_SYS_ADMIN, CAP_SYS_RESOURCE"}}
}

func capabilities() (uint64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			return strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no CapEff")
}

// kernel tells the release, and by which system calls volumes are mounted.
func kernel(context.Context, Target) []Finding {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return []Finding{{"kernel", err.Error(), "", Warning}}
	}
	release := unix.ByteSliceToString(u.Release[:])
	if !tellsMounts() {
		return []Finding{{"kernel", release + ": statx does not say what is mounted, so no file system can be staged for writing", "Linux 5.8 or later is needed on a node", Failure}}
	}
	if !mount.NewKernel().Features().NewMount {
		return []Finding{{"kernel", release + ": mounts by mount(8), since fsopen or mount_setattr is missing or filtered",
			"Linux 5.12 or later, and a seccomp profile that allows them, mount in one step", Warning}}
	}
	return []Finding{{Check: "kernel", Found: release + ": mounts by fsopen and move_mount"}}
}

// tellsMounts reports whether statx(2) says what is the root of a mount.
func tellsMounts() bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, "/", 0, unix.STATX_TYPE, &st)
	return err == nil && st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// fileSystems looks for those that volumes usually have. A module that is not
// loaded may still be loaded by the first mount.
func fileSystems(context.Context, Target) []Finding {
	f, err := os.Open("/proc/filesystems")
	if err != nil {
		return []Finding{{"file systems", err.Error(), "mount /proc", Warning}}
	}
	defer f.Close()
	known := map[string]bool{}
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		known[fields[len(fields)-1]] = true
	}
	var have, lack []string
	for _, name := range []string{"ext4", "xfs", "btrfs"} {
		if known[name] {
			have = append(have, name)
		} else {
			lack = append(lack, name)
		}
	}
	if len(lack) > 0 {
		return []Finding{{"file systems", "in the kernel: " + strings.Join(have, ", ") + "; not yet: " + strings.Join(lack, ", "),
			"modprobe " + lack[0] + " on the node, if volumes are to have it", Warning}}
	}
	return []Finding{{Check: "file systems", Found: strings.Join(have, ", ")}}
}

// devices: a container's own /dev never shows devices that are attached later.
func devices(_ context.Context, t Target) []Finding {
	info, err := mount.NewKernel().Find("/dev")
	switch {
	case err != nil:
		return []Finding{{"devices", "/dev: " + err.Error(), "mount the node's /dev (hostPath) into the container", Warning}}
	case info.Type != "devtmpfs":
		return []Finding{{"devices", "/dev is a " + info.Type + ", so devices that are attached later do not appear there", "mount the node's /dev (hostPath) into the container", Warning}}
	}
	return []Finding{{Check: "devices", Found: "/dev is the kernel's"}}
}

// clock: clouds refuse requests that are signed with a wrong time.
func clock(context.Context, Target) []Finding {
	var x unix.Timex
	state, err := unix.Adjtimex(&x)
	if err != nil {
		return []Finding{{"clock", "adjtimex: " + err.Error(), "", Warning}}
	}
	const timeError = 5 // TIME_ERROR of adjtimex(2)
	if state == timeError {
		return []Finding{{"clock", "not synchronised", "run chrony or systemd-timesyncd on the node: clouds refuse requests with a wrong time", Warning}}
	}
	return []Finding{{Check: "clock", Found: "synchronised"}}
}
