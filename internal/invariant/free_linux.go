package invariant

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/loopdev"
)

const exclusive = "unstage OK means that an exclusive open succeeds"

// Free checks that nothing holds a loop device on the image: no mount in any
// namespace, no mapping. An image without a device is free.
func Free(image string) (found []Violation) {
	f, err := os.Open(image)
	if err != nil {
		return unknown(exclusive, err)
	}
	defer func() { _ = f.Close() }()
	devices, err := loopdev.Find(f)
	if err != nil {
		return unknown(exclusive, err)
	}
	for _, d := range devices {
		held, err := os.OpenFile(d.Path, os.O_RDONLY|unix.O_EXCL, 0)
		if err == nil {
			err = held.Close()
		}
		if err != nil && !errors.Is(err, unix.ENXIO) { // ENXIO: detached meanwhile
			found = append(found, violated(exclusive, "%s on %s: %v", d.Path, image, err)...)
		}
	}
	return found
}
