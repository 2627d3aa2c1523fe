package nvme

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
)

const (
	identifyLength = 4096
	vendorOffset   = 3072 // NVMe base specification, "Identify Controller data structure"
	ebsNameLength  = 32   // of the vendor's part
)

// EBSDevice returns the device name that a disk of EBS was attached at, such as
// /dev/xvdaa, which its controller tells ("NVMe block devices", EBS User Guide). It
// needs CAP_SYS_ADMIN, and Linux. A controller that tells none is an error.
func (t Tree) EBSDevice(disk string) (string, error) {
	data := make([]byte, identifyLength)
	if err := identify(filepath.Join(t.Dev, disk), data); err != nil {
		return "", err
	}
	name := ebsDevice(data)
	if name == "" {
		return "", fmt.Errorf("the controller of %s does not tell at what device name EBS has attached it", disk)
	}
	return name, nil
}

// ebsDevice reads the name, with or without the directory, or returns "".
func ebsDevice(data []byte) string {
	name := string(bytes.TrimRight(data[vendorOffset:vendorOffset+ebsNameLength], " \x00"))
	if name == "" {
		return ""
	}
	return "/dev/" + strings.TrimPrefix(name, "/dev/")
}
