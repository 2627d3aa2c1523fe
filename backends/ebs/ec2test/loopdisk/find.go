package loopdisk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/loopdev"
)

// Find returns the search for the devices of volumes that [New] with the same
// directory attaches: for the option FindDevice of package ebs. The error of the
// search is [csi.ErrNotFound] for a volume that is not attached. Verify of the
// device refuses everything but a whole loop device whose backing file has the
// volume's id as its name.
func Find(links string) func(context.Context, csi.NodeVolume) (csi.Device, error) {
	if links == "" {
		links = ByID
	}
	return func(_ context.Context, v csi.NodeVolume) (csi.Device, error) {
		link := linkPath(links, v.ID)
		f, err := os.Open(link)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENXIO) {
			return csi.Device{}, fmt.Errorf("%w: ec2test has not attached %s here: %w", csi.ErrNotFound, v.ID, err)
		}
		if err != nil {
			return csi.Device{}, err
		}
		defer func() { _ = f.Close() }()
		verify := func(_ context.Context, pinned *os.File) error { return verify(pinned, v.ID) }
		path, err := filepath.EvalSymlinks(link)
		return csi.Device{Path: path, Verify: verify}, err
	}
}

func verify(device *os.File, volume string) error {
	info, err := loopdev.Status(device)
	if err != nil {
		return err
	}
	if name := backingName(device); name != volume || info.Offset+info.SizeLimit > 0 {
		return fmt.Errorf("%s is a loop device of %q (offset %d, limit %d), not of all of %s", info.Path, name, info.Offset, info.SizeLimit, volume)
	}
	return nil
}

// backingName is the name of a loop device's backing file, without directories:
// empty if it cannot be told, and with " (deleted)" if the file is gone.
func backingName(device *os.File) string {
	info, err := device.Stat()
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%s/loop/backing_file", number(info)))
	if err != nil {
		return ""
	}
	return filepath.Base(strings.TrimSpace(string(text)))
}
