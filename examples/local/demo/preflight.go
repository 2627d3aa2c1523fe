package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// tools are the programs that the driver runs, and the Debian packages they
// are in.
var tools = map[string]string{
	"blkid": "util-linux", "losetup": "util-linux", "mount": "mount", "umount": "mount",
	"mkfs.ext4": "e2fsprogs", "e2fsck": "e2fsprogs", "resize2fs": "e2fsprogs",
	"mkfs.xfs": "xfsprogs", "xfs_repair": "xfsprogs", "xfs_growfs": "xfsprogs",
}

// preflight checks what the demo needs before anything is made.
func preflight(ctx context.Context, tell *story) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("needs Linux: loop devices and mounts are made for real, and this is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("needs root, to make loop devices and mounts: run `sudo make demo`")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return fmt.Errorf("needs loop devices: run `modprobe loop`, and in a container mount the host's /dev (%w)", err)
	}
	return installTools(ctx, tell)
}

// installTools installs the packages of missing programs with apt, or says how
// to install them.
func installTools(ctx context.Context, tell *story) error {
	packages := missingPackages()
	if len(packages) == 0 {
		return nil
	}
	command := "apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("host tools are missing: install your system's packages of the programs in Debian's %s", strings.Join(packages, ", "))
	}
	tell.note("installing missing host tools: " + command)
	script := "apt-get update -qq && DEBIAN_FRONTEND=noninteractive " + command
	if out, err := exec.CommandContext(ctx, "sh", "-c", script).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot install host tools (%w), run `%s` yourself:\n%s", err, command, out)
	}
	return nil
}

func missingPackages() []string {
	var missing []string
	for tool, pkg := range tools {
		if _, err := exec.LookPath(tool); err != nil && !slices.Contains(missing, pkg) {
			missing = append(missing, pkg)
		}
	}
	slices.Sort(missing)
	return missing
}

// mayGrowExt4 reports whether this process has CAP_SYS_RESOURCE, without which
// the kernel refuses to grow a mounted ext4.
func mayGrowExt4() bool {
	const sysResource = 24
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(status)) {
		if mask, ok := strings.CutPrefix(line, "CapEff:"); ok {
			caps, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return err != nil || caps&(1<<sysResource) != 0
		}
	}
	return true
}
