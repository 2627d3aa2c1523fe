// Package mount makes, verifies, finds and undoes mounts. It is what a CSI node
// needs of mount(8) and umount(8), without their guesses.
//
// Start with [Table], the four things that can be done with a mount. [Kernel]
// does them; mounttest.Table pretends to, for tests without root. [MakeDir],
// [MakeFile] and [Remove] make and remove what is mounted on. [ParseOption]
// and [CheckOptions] turn the mount flags of a CO into data.
//
// # Guarantees
//
// The rules that begin with R are those of the project's safety catalogue. Each
// has a test that is named after it and fails without it.
//
//  1. R2, R3: a device is mounted by the open file that the caller has
//     checked, not by a name. The mount is built out of sight, and it is
//     attached only when the device below it is proven to be that one. A
//     wrong device never shows at a target, not even for a moment. A process
//     that is killed meanwhile leaves nothing; where mount(2) builds the mount,
//     the next process takes away what it has left in the hidden place. A
//     btrfs of several devices is refused.
//  2. R3: a file system that is alive already, in whatever mount namespace, is
//     never shared in silence with its old options: that is [ErrBusy]. Who can
//     prove that it is the one that is meant may share it: [Mount.Living].
//  3. R4: nothing is mounted on a mount. [Kernel.Find] tells what is there:
//     device, root, attributes, number of layers. Should another process
//     mount in the same instant, the later one is taken away where there is
//     statmount(2); elsewhere the number of layers tells.
//  4. R5: a bind mount has its attributes before it has its place: what is to
//     be read-only is never writable.
//  5. R6, R8: unmounting takes away all layers at the path, and nothing else: no
//     symbolic link is followed, no device or file stands for its mount. Each
//     step is checked by looking, not by its exit code. The last mount of a file
//     system is synced while it still shows, if it can be written; a context
//     that ends meanwhile ends the call before anything is undone.
//  6. R7: nothing is detached lazily or by force, except a share whose daemon
//     or server has given it up (ENOTCONN, ESTALE).
//  7. R8: only an empty directory or an empty file is removed. Nothing that
//     exists is truncated.
//  8. R12: xfs is mounted with nouuid; clones mount beside their origin. Where
//     the kernel refuses that for btrfs, it is [ErrSameUUID], and nothing is
//     mounted.
//  9. R14: finding a mount never touches its device. A share that does not
//     answer costs five seconds and one thread, however many of its mounts are
//     looked at, and not the process.
//  10. R15: options are key and value to the end; with fsopen(2) there is no
//     comma string in which a value could become an option. mount(2), and
//     mount(8) for shares, need such a string: there a value with a comma is
//     refused, and a context is quoted. Secrets reach no argument and no error.
//  11. R16: SELinux contexts are in effect afterwards, or the mount is undone
//     and the caller told which one the file system has. One that the kernel
//     does not take is [ErrOption]. The tests run with a loaded policy on Linux
//     6.1 (make test-vm).
//  12. R17: a device node is bound by the open device, so that another device
//     which took its name is not; [Info.Rdev] tells which device it is.
//  13. R18: on Linux 5.8 or later it is statx(2) that says whether something is
//     mounted, and never /proc/self/mountinfo: a mount that mountinfo lacks is
//     an error. Before 6.13 it has the details; from then on it is not even
//     read, and every lookup costs the same with ten mounts and with ten
//     thousand.
//     Before 5.8 shares are mounted and found by mountinfo, at its risk; package csi
//     stages no file system for writing there.
//  14. Ruling 27: a share is mounted by mount(8) in a child that dies with the
//     context.
//
// What a caller has to see to: calls about one target must not run at the
// same time, and whether a device is free after the last unmount is known only
// by opening it exclusively (package fs), since other mount namespaces may
// still have the file system.
//
// # Kernels
//
// Which system calls there are is found out by calling them once: see
// [Features], which the first use also writes to the log. Without fsopen(2) and
// its kin (Linux before 5.12, or a seccomp filter) mounts are made by mount(2) in a hidden place, checked there, and
// moved; without statmount(2) details come from mountinfo. The same tests run
// on all ways. k8s.io/mount-utils is used for what it does right, the
// arguments of mount(8) for shares. Its Mount and Unmount are no fallback for
// devices: they bind and make read-only in two steps, and take the end of
// umount(8) for the end of the file system.
package mount
