// Package fs knows what is on a block device and changes it safely: it probes,
// formats, checks and grows file systems, and measures their usage. It mounts
// nothing and knows nothing of CSI.
//
// Start with [Open], which pins a block device, then [Device.Probe], which says
// what is on it:
//
//	d, err := fs.Open("/dev/nvme1n1")
//	content, err := d.Probe(ctx)
//	if content.State == fs.Empty {
//		err = d.Format(ctx, fs.Format{Type: "ext4", UUID: uuid})
//	}
//
// # Guarantees
//
//  1. Nothing but a proof of emptiness leads to a format (R1). [Unreadable] is
//     the zero value of [State]; a read that fails or falls short is never
//     emptiness. [Empty] means: the first and the last 4 MiB and the places
//     where ext2, ext3, ext4, xfs and btrfs keep copies of their superblock,
//     whatever [Format.Options] said of blocks, clusters and groups, read as zeros,
//     past the page cache, and blkid found nothing either. Of up to 128 MiB all is
//     read. Of more, what is elsewhere is not, see [Format.ReadsZero]: an ext4 of a
//     single group (32768 clusters of bigalloc) has no copy, and xfs with a
//     stripeUnit above 32 KiB may have its groups elsewhere.
//  2. One file is opened once and names the device from then on (R2). Tools
//     get that file, not a path: what a path means can change, the file cannot.
//     A file opened anew is checked to be the same disk.
//  3. Nobody formats at the same time (R2). [Device.Lock] excludes other
//     processes, and [Device.Exclusive] must succeed just before mkfs: no
//     mount, no mapping, no loop device on top.
//  4. A format can be interrupted anywhere and repeated (R9). The caller gives
//     the UUID, which is the volume's own, and a half-made file system is
//     overwritten only if it carries that UUID. ext2, ext3 and ext4, which show
//     no UUID before they are complete, get an intent in sector 0 for as long as
//     mkfs runs. After mkfs the device is flushed and probed again.
//  5. File systems are made with the features that Linux 5.15 knows, whatever
//     the installed tools make by default (R10).
//  6. e2fsck's exit status is read as the bits that it is (R11): only 0 and 1
//     are good, and 2 and 3 are looked at once more. Nothing is checked that is
//     in use.
//  7. A mounted file system grows only through the root of its own writable
//     mount, by ioctl, and is measured again afterwards (R13). An unmounted ext
//     file system grows by resize2fs, which is never stopped half-way.
//  8. [Gauge] never lets a dead mount block its caller beyond the context, and
//     never has more than one stuck thread for it (R14).
//  9. A device is encrypted under the same rules (R1, R9): [Device.FormatLUKS]
//     needs proof of emptiness, can be killed anywhere and repeated, and leaves
//     a content that is proven empty. An open encryption is found by the device
//     below it and by its UUID in the kernel, never by its name (R2), and closed
//     only when nothing uses it (R6). It grows without the passphrase (R13),
//     which is on a child's standard input and nowhere else (R15).
//  10. Format options are names and values of an allow-list (R15), refused by
//     [CheckFormat] before anything is touched.
//
// # Format options
//
// [Format.Options] takes these names; sizes are bytes in decimal, with k or m
// after the number for KiB or MiB:
//
//	ext2, ext3, ext4  blockSize inodeSize bytesPerInode numberOfInodes
//	                  reservedBlocksPercentage stride stripeWidth label
//	ext3, ext4        journalSize
//	ext4              ext4BigAlloc ext4ClusterSize ext4EncryptionSupport ext4Features
//	xfs               blockSize sectorSize inodeSize maxInodePercentage agCount
//	                  logSize stripeUnit stripeCount reflink rmapbt bigtime
//	                  inobtcount label
//	btrfs             nodeSize sectorSize metadataProfile dataProfile
//	                  btrfsFeatures label
//
// stride and stripeWidth count blocks, as mke2fs(8) has them; stripeUnit is
// bytes and stripeCount the number of units, su and sw of mkfs.xfs(8). xfs
// makes inodes as they are needed: its limit is maxInodePercentage, and it has
// no bytesPerInode. The lists of features are comma separated names out of an
// allow-list, with ^ for those that are left out.
//
// # What it needs
//
// Linux, /proc and /sys, CAP_SYS_ADMIN, and these programs in PATH: blkid of
// util-linux (busybox's is recognised and refused), mkfs.ext4 and e2fsck and
// resize2fs of e2fsprogs 1.43 or later, mkfs.xfs of xfsprogs 5.10 or later,
// mkfs.btrfs of btrfs-progs 5.10 or later; each only for its own file system.
// Encryption needs cryptsetup 2.4 or later and a kernel with dm-crypt. Online
// growth of ext4 needs CAP_SYS_RESOURCE. On other systems everything
// returns an error that wraps [errors.ErrUnsupported].
//
// # When not to use it
//
// A device with partitions, a member of an array or a volume group, and a LUKS
// device of version 1 are recognised, so that they are left alone; they are not
// managed.
// File systems over several devices are not supported.
package fs
