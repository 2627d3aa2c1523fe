// Package startuptaint removes a taint from this node when the driver is ready.
//
// A new node that begins with the taint gets no pods which need the driver before
// they can have their volumes, and before the scheduler knows how many volumes
// fit. What [Remove] takes care of:
//
//   - The driver is ready when the kubelet has registered it and CSINode lists it:
//     the limit of volumes is there from then on (aws-ebs-csi-driver#1945).
//   - The taint may be put on after the driver has started, by whoever makes nodes
//     (aws-ebs-csi-driver#2447). So the node is watched for some minutes.
//   - Only that taint is removed, whatever its value and effect. A patch tests that
//     the taint is where it was seen; others that come and go meanwhile are not
//     written back (aws-efs-csi-driver#1491).
//   - What fails is tried again, at growing intervals, and is logged when it is
//     news. The driver is not held up, and does not fail.
package startuptaint
