package ebs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

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
var reservedTags = []string{tagVolumeName, tagSnapshotName, "ebs.csi.aws.com/", "kubernetes.io/", "KubernetesCluster", "aws:"}

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
		key, value, err := expandTag(text, fields)
		if err != nil {
			return nil, err
		}
		tags[key] = value
	}
	return tags, nil
}

func expandTag(text string, fields tagFields) (key, value string, err error) {
	t, err := template.New("tag").Funcs(tagFunctions).Parse(text)
	if err != nil {
		return "", "", fmt.Errorf("%w: tag %q: %w", csi.ErrInvalid, text, err)
	}
	var out strings.Builder
	if err := t.Execute(&out, fields); err != nil {
		return "", "", fmt.Errorf("%w: tag %q: %w", csi.ErrInvalid, text, err)
	}
	key, value, ok := strings.Cut(out.String(), "=")
	if !ok {
		return "", "", fmt.Errorf("%w: tag %q is not of the form key=value", csi.ErrInvalid, text)
	}
	return key, value, checkTag(key, value)
}

// checkTag refuses what EC2 would refuse, and what is the driver's own.
func checkTag(key, value string) error {
	reserved := slices.ContainsFunc(reservedTags, func(r string) bool {
		return key == r || strings.HasPrefix(key, r) && strings.HasSuffix(r, "/") || r == "aws:" && strings.HasPrefix(key, r)
	})
	switch {
	case key == "" || len([]rune(key)) > longestTagKey || len([]rune(value)) > longestTagValue:
		return fmt.Errorf("%w: tag %q: a key has 1 to %d characters, a value at most %d", csi.ErrInvalid, key, longestTagKey, longestTagValue)
	case reserved:
		return fmt.Errorf("%w: tag %q is reserved for the driver or for AWS", csi.ErrInvalid, key)
	}
	return nil
}

// checkTagTexts refuses tags that cannot be made whatever the owner is called.
func checkTagTexts(texts, untag []string) error {
	sample := tagFields{"name", "namespace", "pv", "name", "namespace", "content"}
	for _, text := range texts {
		// A function can fail on the sample alone, such as substring 0 40.
		if _, _, err := expandTag(text, sample); err != nil && !strings.Contains(text, "{{") {
			return err
		}
		if _, err := template.New("tag").Funcs(tagFunctions).Parse(text); err != nil {
			return fmt.Errorf("%w: tag %q: %w", csi.ErrInvalid, text, err)
		}
	}
	for _, key := range untag {
		if err := checkTag(key, ""); err != nil {
			return err
		}
	}
	return nil
}

// tagFunctions are those of aws-ebs-csi-driver (pkg/util/template there); what
// could reach out of the text is disabled.
var tagFunctions = template.FuncMap{
	"toUpper":   strings.ToUpper,
	"toLower":   strings.ToLower,
	"contains":  func(part, text string) bool { return strings.Contains(text, part) },
	"index":     func(part, text string) int { return strings.Index(text, part) },
	"lastIndex": func(part, text string) int { return strings.LastIndex(text, part) },
	"substring": substring,
	"field":     field,
	"js":        disabled, "call": disabled, "html": disabled, "urlquery": disabled,
}

// substring takes bounds outside of the text as its ends.
func substring(start, end int, text string) string {
	start = min(max(start, 0), len(text))
	if end < start {
		end = len(text)
	}
	return text[start:min(end, len(text))]
}

func field(delim string, index int, text string) (string, error) {
	fields := strings.Split(text, delim)
	if index < 0 || index >= len(fields) {
		return "", fmt.Errorf("there is no field %d in %q", index, text)
	}
	return fields[index], nil
}

func disabled(...any) (string, error) {
	return "", fmt.Errorf("%w: this function is disabled", csi.ErrInvalid)
}
