package ec2test

import (
	"slices"
	"strings"
)

type tagXML struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

type attachmentXML struct {
	VolumeID            string `xml:"volumeId"`
	InstanceID          string `xml:"instanceId"`
	Device              string `xml:"device"`
	Status              string `xml:"status"`
	AttachTime          stamp  `xml:"attachTime"`
	DeleteOnTermination bool   `xml:"deleteOnTermination"`
	EbsCardIndex        int64  `xml:"ebsCardIndex"`
}

type volumeXML struct {
	VolumeID                 string          `xml:"volumeId"`
	Size                     int64           `xml:"size"`
	SnapshotID               string          `xml:"snapshotId"`
	SourceVolumeID           string          `xml:"sourceVolumeId,omitempty"`
	AvailabilityZone         string          `xml:"availabilityZone"`
	AvailabilityZoneID       string          `xml:"availabilityZoneId"`
	Status                   string          `xml:"status"`
	CreateTime               stamp           `xml:"createTime"`
	Attachments              []attachmentXML `xml:"attachmentSet>item"`
	Tags                     []tagXML        `xml:"tagSet>item"`
	VolumeType               string          `xml:"volumeType"`
	Iops                     int64           `xml:"iops,omitempty"`
	Throughput               int64           `xml:"throughput,omitempty"`
	Encrypted                bool            `xml:"encrypted"`
	KmsKeyID                 string          `xml:"kmsKeyId,omitempty"`
	MultiAttachEnabled       bool            `xml:"multiAttachEnabled"`
	OutpostArn               string          `xml:"outpostArn,omitempty"`
	FastRestored             bool            `xml:"fastRestored"`
	VolumeInitializationRate int64           `xml:"volumeInitializationRate,omitempty"`
}

func (s *Server) volumeXML(v *Volume) volumeXML {
	x := volumeXML{
		VolumeID: v.ID, Size: v.Size, SnapshotID: v.SnapshotID, SourceVolumeID: v.SourceVolumeID,
		AvailabilityZone: v.Zone, AvailabilityZoneID: s.zoneID(v.Zone), Status: v.State, CreateTime: stamp(v.Created),
		VolumeType: v.Type, Iops: v.IOPS, Throughput: v.Throughput, Encrypted: v.Encrypted, KmsKeyID: v.KMSKey,
		MultiAttachEnabled: v.MultiAttach, OutpostArn: v.OutpostARN, FastRestored: v.FastRestored,
		VolumeInitializationRate: v.InitializationRate, Tags: tagsXML(v.Tags),
	}
	for _, a := range v.Attachments {
		x.Attachments = append(x.Attachments, a.xml(v.ID))
	}
	return x
}

func (a Attachment) xml(volume string) attachmentXML {
	return attachmentXML{VolumeID: volume, InstanceID: a.InstanceID, Device: a.Device, Status: a.State,
		AttachTime: stamp(a.Since), DeleteOnTermination: a.DeleteOnTermination, EbsCardIndex: a.Card}
}

func tagsXML(tags map[string]string) (set []tagXML) {
	for k, v := range tags {
		set = append(set, tagXML{k, v})
	}
	slices.SortFunc(set, func(a, b tagXML) int { return strings.Compare(a.Key, b.Key) })
	return set
}
