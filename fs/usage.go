package fs

// Usage is how much of a file system is used, in bytes and inodes.
//
// AvailableBytes is what an unprivileged user may still write: without the
// blocks reserved for root, so that used and available may be less than all.
// A file system that has no fixed number of inodes, such as btrfs, says 0 for
// all three.
type Usage struct{ Bytes, UsedBytes, AvailableBytes, Inodes, UsedInodes, FreeInodes int64 }
