package ebs

import (
	"maps"
	"slices"
	"strings"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/tagtext"
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

// expandTags makes tags of parameters such as "team={{ .PVCNamespace }}".
func expandTags(texts []string, fields tagFields) (map[string]string, error) {
	tags := map[string]string{}
	for _, text := range texts {
		parsed, err := tagtext.Parse(text)
		if err != nil {
			return nil, invalid("%w", err)
		}
		key, value, err := parsed.Tag(fields)
		if err != nil {
			return nil, invalid("%w", err)
		}
		if err := checkTag(key, value); err != nil {
			return nil, err
		}
		tags[key] = value
	}
	return tags, nil
}

// checkTagTexts refuses tags that cannot be made whatever the owner is called.
func checkTagTexts(texts, untag []string) error {
	for _, text := range texts {
		if _, err := tagtext.Parse(text); err != nil {
			return invalid("%w", err)
		}
	}
	if _, err := expandTags(slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return !tagtext.Fixed(text) }), tagFields{}); err != nil {
		return err
	}
	for _, key := range untag {
		if err := checkTag(key, ""); err != nil {
			return err
		}
	}
	return nil
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
