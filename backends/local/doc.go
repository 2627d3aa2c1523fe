// Package local is a backend for the disks of a node: volumes are image files in
// a pool directory, used through loop devices. It needs Linux and root, no
// network and no daemon. examples/local is a driver made of it.
//
//	backend, err := local.New(local.Options{Pool: "/var/lib/csikit/pool", Node: nodeName})
//	driver, err := csi.New("local.csi.csikit.dev", backend, nil)
//
// # The pool
//
//	POOL/volumes/HASH/image      the volume's content, a sparse file unless it is thick
//	POOL/volumes/HASH/meta.json  its name, size, source, and whether it was formatted
//	POOL/snapshots/HASH/...      likewise
//	POOL/ephemeral/HASH/...      volumes declared inline in a pod
//	POOL/frozen/HASH             a volume that is being copied while it is mounted
//	POOL/.csikit-pool            tells the pool from its empty mount point
//	POOL/lock                    the lock file, see internal/namelock; never delete it
//
// HASH is made of the name that the CO gave, so that creation is get-or-create.
// An id is NODE/HASH. An id of another node is [csi.ErrExhausted]: the volume
// may exist there, and the CO shall look for a node that has it.
//
// # What is guaranteed
//
//  1. What is listed is complete and durable. Entries are made and deleted under
//     a hidden name (.HASH); what a crash leaves is never listed, and removed by
//     the next creation or Probe of any process.
//  2. Any number of processes may serve one pool of one node. Each entry has a
//     lock that the kernel frees when its holder dies. Long copies hold only the
//     locks of their source and target.
//  3. A pool that is full answers [csi.ErrExhausted] before anything is written,
//     or removes what it had written. Growth that does not fit changes nothing.
//  4. An image has at most one loop device, found by the device and inode number
//     of the image. It stays attached from Locate to Release, also when the
//     plugin is killed: see docs/decisions/003.
//  5. DeleteVolume of a volume with a loop device is [csi.ErrInUse].
//  6. A snapshot is what the volume would be after a power failure at one moment
//     of the call, and has all that was written and synced before the call. It
//     is independent of its volume, and volumes made of it are of both.
//
// # Space
//
// Each volume is promised its size, each snapshot what it holds. The sum of the
// promises is at most the pool's capacity times [Options.Overcommit]. The
// capacity is what is free and what the images hold, less one percent for the
// metadata of the pool's file system. The parameter allocation=thick of a
// StorageClass allocates a volume's blocks when it is made (thin is the
// default). What mkfs and fstrim discard of a thick volume is allocated again
// at the next stage. On a pool with reflink, blocks that a snapshot shares with
// a thick volume are written anew when they change; their space is promised.
//
// # Snapshots and clones of volumes in use
//
//	                        pool with reflink (xfs, btrfs)   pool without (ext4)
//	not attached here       reflink                          copy
//	mounted here            sync, reflink                    sync, freeze, copy, thaw
//	attached, not mounted   sync, reflink                    refused: ErrInUse
//
// Reflink shares all blocks at one moment and takes milliseconds. A copy takes
// as long as the data; while the file system is frozen (FIFREEZE, see
// fsfreeze(8)) its writers wait, at most [Options.MaxFreeze], after which the
// call is undone and refused. A process that is killed meanwhile is thawed by a
// child that outlives it, or by the next Probe. A raw device may be written at
// any moment, and a copy of it would be torn. Use a pool with reflink if
// snapshots matter.
//
// A copy of a volume that was never written is formatted like a new volume; any
// other copy never is: see docs/decisions/004.
//
// # Volumes made by hand
//
// A PersistentVolume may have the volumeHandle NODE/image/NAME, for the file
// NAME in [Options.StaticDir], or NODE/device/NAME, for a block device that
// [Options.Devices] allows, where NAME should be its name in /dev/disk/by-id.
// Such volumes are never formatted, grown, copied or listed. DeleteVolume
// refuses them with [csi.ErrInUse] so that nobody takes the data for deleted,
// unless [Options.DeleteStatic] allows it, and for devices always.
package local
