//go:build linux

package crashtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// csiLost says that an answer was lost, not given.
func csiLost(err error) bool { return status.Code(err) == codes.Unavailable }

// inspectMounted mounts a device that the kernel cannot write to: a journal that
// has to be replayed makes it fail.
func (v *volume) inspectMounted(device string) error {
	dir := v.h.path("inspect-" + v.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	options := map[string]string{"xfs": "nouuid"}[v.kind.fstype]
	if err := syscall.Mount(device, dir, v.kind.fstype, syscall.MS_RDONLY, options); err != nil {
		return fmt.Errorf("mount what the driver unmounted: %w", err)
	}
	err := joined(v.readAt(dir))
	return errors.Join(err, syscall.Unmount(dir, 0), os.Remove(dir))
}

// check runs the file system's own checker, which changes nothing.
func (v *volume) check(ctx context.Context, device string) error {
	args := map[string][]string{
		"ext4": {"e2fsck", "-fn"}, "xfs": {"xfs_repair", "-n"}, "btrfs": {"btrfs", "check", "--readonly"},
	}[v.kind.fstype]
	out := new(log)
	cmd := exec.CommandContext(ctx, args[0], append(args[1:], device)...)
	cmd.Stdout, cmd.Stderr = out, out
	err := launch(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("the file system is damaged: %s: %w\n%s", args[0], err, out)
	}
	return nil
}

func mkdirs(paths ...string) error {
	var errs []error
	for _, p := range paths {
		errs = append(errs, os.Mkdir(p, 0o700))
	}
	return errors.Join(errs...)
}

func rmdirs(paths ...string) error {
	var errs []error
	for _, p := range paths {
		errs = append(errs, os.Remove(p))
	}
	return errors.Join(errs...)
}

func runTool(name string, args ...string) error {
	out := new(log)
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	err := launch(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return nil
}

// unstagesRun counts the unstage operations that a driver has ended.
func unstagesRun(d *driver) int {
	return strings.Count(d.log.String(), "msg=operation rpc=NodeUnstageVolume")
}
