package csi

// readOnlyAccess reports whether an access asks for a mount that nobody can
// write: by its mode, or by the mount option ro, where the last of ro and rw
// counts as in mount(8).
func readOnlyAccess(a Access) bool {
	readOnly := false
	for _, o := range a.Options {
		if o.Key == "ro" || o.Key == "rw" {
			readOnly = o.Key == "ro"
		}
	}
	return readOnly || a.Mode.ReadOnly()
}
