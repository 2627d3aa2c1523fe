package invariant

const (
	oneMount      = "at most one mount per target"
	neverWritable = "a target is never writable where read-only was asked for"
)

// A Target is a path at which a CO asked for a volume.
type Target struct {
	Path string
	// ReadOnly says that it asked for it read-only.
	ReadOnly bool
}

// A Scope is what belongs to one test.
type Scope struct {
	// Dir is a directory of the test's own. No mount may be below it, and
	// no loop device on a file below it.
	Dir string
	// Empty are directories below which nothing may be but directories
	// that are in Keep; they need not exist.
	Empty []string
	// Keep are paths below Empty that may be there, such as a lock file.
	Keep []string
	// Marker is a text that all processes of the test have in their
	// environment, such as CSIKIT_RUN=17; "" if processes are not looked at.
	Marker string
	// Alive are the process ids of those that may live.
	Alive []int
}

const nothingLeft = "no loop device, dm device, mount, mount point, process or file is left"
