// Package loopdev attaches files as loop devices, finds them again and detaches
// them. It talks to the kernel itself (loop(4)) and runs no losetup.
//
//  1. A device is identified by the device and inode number of its backing
//     file, never by its name and never by the path of the file: the kernel
//     gives a number to the next file once a device is detached, and shows the
//     path as it was in the mount namespace that attached it.
//  2. A device is bound in one step (LOOP_CONFIGURE, Linux 5.8): nobody ever
//     sees it bound with a wrong offset, size or mode.
//  3. Whoever holds a file of a device open holds its binding: [Detach] takes
//     effect when the last one closes. [Each] gives open files for this reason:
//     what is read from one and done with it concerns the same binding.
//  4. Two processes that attach the same file get two devices, with caches that
//     do not know of each other. [Find] first, then [Attach], both under a lock
//     of the caller. The lock must be another open file than the one attached:
//     the kernel keeps that one, and a flock with it, as long as the device.
//
// A device without [Options.Autoclear] outlives the process that attached it,
// until it is detached. One with it goes when nothing has it open any more; a
// bind mount of the device node does not count as open, a mounted file system
// does.
package loopdev
