package nvme

import (
	"bytes"
	"path/filepath"
)

const (
	identifyLength = 4096
	vendorOffset   = 3072 // NVMe base specification, "Identify Controller data structure"
)

// VendorText returns the text, of at most n bytes, at the start of the vendor's
// part of what the controller of a disk says of itself. It needs CAP_SYS_ADMIN,
// and Linux.
func (t Tree) VendorText(disk string, n int) (string, error) {
	data := make([]byte, identifyLength)
	if err := identify(filepath.Join(t.Dev, disk), data); err != nil {
		return "", err
	}
	return string(bytes.TrimRight(data[vendorOffset:vendorOffset+n], " \x00")), nil
}
