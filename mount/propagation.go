package mount

// Propagation is what decides who sees the mounts that are made in a directory.
type Propagation struct {
	// Shared says that other mount namespaces get them.
	Shared bool
	// Point is where the mount is that the directory is in, and Root the
	// directory of its file system that is seen there.
	Point, Root string
}

// Hidden reports whether dir, which p was found for, is surely a volume of this
// process's container that the node does not see into: a mount of its own, or of
// a part of a file system, that is not shared. Anything else that is not shared
// can be the node's own mount, in whose namespace this process runs.
func (p Propagation) Hidden(dir string) bool {
	return !p.Shared && p.Point != "/" && (p.Point == dir || p.Root != "/")
}
