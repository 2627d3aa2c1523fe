package csi

import "slices"

// readOnlyAccess reports whether an access asks for a mount that nobody can
// write: by its mode, or by the mount option ro, which rw does not take back: see
// [mount.CheckOptions].
func readOnlyAccess(a Access) bool {
	return a.Mode.ReadOnly() || slices.ContainsFunc(a.Options, func(o Option) bool { return o.Key == "ro" })
}
