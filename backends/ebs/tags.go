package ebs

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/csikit/csikit/csi"
)

// The tags are those of aws-ebs-csi-driver (docs/tagging.md there), so that the
// volumes of one are those of the other.
const (
	tagVolumeName   = "CSIVolumeName"
	tagSnapshotName = "CSIVolumeSnapshotName"
	tagOurs         = "ebs.csi.aws.com/cluster"
	tagClusterName  = "ebs.csi.aws.com/cluster-name"
	tagIOPSPerGB    = "ebs.csi.aws.com/IOPSPerGb"
	tagKeepRatio    = "ebs.csi.aws.com/AllowAutoIOPSIncreaseOnModify"

	longestTagKey, longestTagValue = 128, 256
)

// reservedTags cannot be set or deleted by parameters; those that end in a
// slash or colon are prefixes.
var reservedTags = []string{tagVolumeName, tagSnapshotName, tagGroupName, "ebs.csi.aws.com/", "kubernetes.io/", "KubernetesCluster", "aws:"}

// tagFields are what a template of a tag may name: those of a volume and those
// of a snapshot, of which the others stay empty.
type tagFields struct {
	PVCName, PVCNamespace, PVName                                          string
	VolumeSnapshotName, VolumeSnapshotNamespace, VolumeSnapshotContentName string
}

func volumeFields(o csi.Owner) tagFields {
	return tagFields{PVCName: o.Name, PVCNamespace: o.Namespace, PVName: o.Object}
}

func snapshotFields(o csi.Owner) tagFields {
	return tagFields{VolumeSnapshotName: o.Name, VolumeSnapshotNamespace: o.Namespace, VolumeSnapshotContentName: o.Object}
}

// ourTags are the tags of everything that this driver makes.
func (o *Options) ourTags(nameKey, name string) map[string]string {
	tags := maps.Clone(o.ExtraTags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[nameKey], tags[tagOurs] = name, "true"
	if o.ClusterID != "" {
		tags["kubernetes.io/cluster/"+o.ClusterID] = "owned"
		tags[tagClusterName], tags["KubernetesCluster"] = o.ClusterID, o.ClusterID
		tags["Name"] = o.ClusterID + "-dynamic-" + name
	}
	return tags
}

// ownerTags say which claim a volume is for.
func ownerTags(o csi.Owner) map[string]string {
	tags := map[string]string{}
	for key, value := range map[string]string{"pvc/name": o.Name, "pvc/namespace": o.Namespace, "pv/name": o.Object} {
		if value != "" {
			tags["kubernetes.io/created-for/"+key] = value
		}
	}
	return tags
}

// tagMap makes the tags that a class asks for, for a claim, and those by which
// later expansions know the ratio.
func (p *performance) tagMap(o csi.Owner) (map[string]string, error) {
	tags, err := p.tags.Tags(volumeFields(o), checkTag)
	if err != nil {
		return nil, err
	}
	for _, key := range p.untag {
		delete(tags, key)
	}
	if p.iopsPerGB > 0 {
		tags[tagIOPSPerGB] = strconv.FormatInt(p.iopsPerGB, 10)
	}
	if p.keepRatio != nil {
		tags[tagKeepRatio] = strconv.FormatBool(*p.keepRatio)
	}
	return tags, nil
}

// checkTag refuses what EC2 would refuse, and what is the driver's own.
func checkTag(key, value string) error {
	reserved := slices.ContainsFunc(reservedTags, func(r string) bool {
		return key == r || strings.HasPrefix(key, r) && strings.HasSuffix(r, "/") || r == "aws:" && strings.HasPrefix(key, r)
	})
	switch {
	case key == "" || len([]rune(key)) > longestTagKey || len([]rune(value)) > longestTagValue:
		return invalid("tag %q: a key has 1 to %d characters, a value at most %d", key, longestTagKey, longestTagValue)
	case reserved:
		return invalid("tag %q is reserved for the driver or for AWS", key)
	}
	return nil
}
