// Package ebsstats reads the statistics that EBS keeps of a volume, and makes
// metrics of them. They are in a log page of the volume's NVMe disk ("Detailed
// performance statistics", EBS User Guide), so that no call to AWS is needed.
//
// The metrics have the names and labels of aws-ebs-csi-driver. A disk without the
// page, such as an instance store or an old instance, has no metrics: it is logged
// once and not asked again (aws-ebs-csi-driver#2232). A disk that does not answer
// holds up the metrics page for some seconds, and never a volume.
package ebsstats
