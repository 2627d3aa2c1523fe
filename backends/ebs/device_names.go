package ebs

import "slices"

// candidates are the device names to attach volumes at, in the order in which
// they are tried: as in aws-ebs-csi-driver (device_names.go), but no two are the
// same attachment point, as /dev/sdf and /dev/xvdf are. The short ones can collide
// with disks of the instance; those with c do not work on some Windows instances.
var candidates = func() (names []string) {
	for _, series := range []string{"xvdaa-z", "xvdba-z", "xvdda-x", "xvdb-z", "xvdca-z"} {
		stem, first, last := series[:len(series)-3], series[len(series)-3], series[len(series)-1]
		for c := first; c <= last; c++ {
			names = append(names, "/dev/"+stem+string(c))
		}
	}
	return append(names, "/dev/sda2")
}()

// GivesName reports whether a device name, such as /dev/xvdaa, is one that volumes
// are attached at: a disk at another is the root, or was attached by hand.
func GivesName(device string) bool { return slices.Contains(candidates, device) }
