// Package ebs is a backend for Amazon EBS volumes. It takes the place of
// aws-ebs-csi-driver: the same StorageClasses, VolumeSnapshotClasses,
// VolumeAttributesClasses, tags, topology keys and handles.
//
//	backend, err := ebs.New(ebs.Options{EC2: ebs.NewClient(awsConfig)})
//	driver, err := csi.New(ebs.DriverName, backend, nil)
//
// The controller needs the permissions of policy.json, the node none: it finds
// disks in sysfs, and asks [IMDS] or [Kubernetes] what node it is.
//
// # What is guaranteed
//
//  1. A request outside of EC2's limits is refused before the call, with the
//     rule and the nearest allowed value. Nothing is capped silently. A size
//     below the type's minimum is rounded up if the request sets no limit.
//  2. A volume is made once: by a client token that depends on its name alone,
//     and by its name tag. A token that is burnt is replaced.
//  3. Detach is nil only when EC2 says that the volume is not attached. What is
//     missing in an answer is not detached. Nothing is detached by force, or
//     when another node wants the volume.
//  4. A device name is held from before AttachVolume until it is seen in the
//     instance's mapping; one that is doubtful is left alone for an hour.
//  5. A group of snapshots is of volumes of one instance, cut at one moment, all
//     of them or none.
//  6. An outcome that is not known is [csi.ErrUnavailable], never final.
//  7. The node uses a disk only if its NVMe serial is the volume's id.
//
// # Calls
//
// A call goes out at once when none of its kind is under way; reads that are
// asked for meanwhile go together in the next one, by filter, so that one
// unknown id spoils nothing. Who waits for a change shares one poller, every
// 100 ms and slower in a crowd. Each API has a bucket that learns its rate from
// EC2's throttling; callers wait in turn until their context ends.
//
// # Health
//
// A volume that EC2 calls impaired is Inaccessible, one with a warning Degraded,
// with what EC2 says of it (DescribeVolumeStatus). One call tells all that are
// ill: EC2 fails a call for certain ids if it knows one of them no more.
package ebs
