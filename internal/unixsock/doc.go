// Package unixsock listens at a unix socket's path and keeps it.
//
// The kubelet and the sidecars find a plugin by the path of its socket alone.
// So the path must never be without a socket while the plugin runs, and never
// be taken away from the process that owns it:
//
//  1. A socket appears at its path complete: it is bound under a hidden name
//     beside it, which the kubelet ignores, and renamed over what is there.
//  2. Its inode is looked at every second. It is made anew if it is gone or is
//     no longer ours: the directory was emptied, or an old process that ended
//     late has unlinked a path that was no longer its own. Clients that are
//     connected notice nothing.
//  3. An exclusive socket is never taken from a process that serves at it.
//     [Listen] waits for that process to leave, and says so.
//  4. At the end it is unlinked only if it is still ours.
//
// Whoever changes the path holds a lock on the directory, which the kernel
// frees when its holder dies. No lock file is made.
package unixsock
