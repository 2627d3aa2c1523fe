package ebs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
)

// A creation makes one volume, from nothing, a snapshot or another volume.
type creation struct {
	b        *Backend
	spec     csi.VolumeSpec
	p        *parameters
	shape    shape
	snapshot string
	source   string        // the id of the volume to clone
	original *types.Volume // the same, once it was seen
	tags     []types.TagSpecification
}

// CreateVolume implements [csi.Provisioner].
func (b *Backend) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	return b.create(ctx, &creation{spec: spec})
}

// RestoreVolume implements [csi.Snapshotter].
func (b *Backend) RestoreVolume(ctx context.Context, s csi.SnapshotRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	return b.create(ctx, &creation{spec: spec, snapshot: s.ID})
}

// CloneVolume implements [csi.Cloner]. A clone is in its original's zone.
func (b *Backend) CloneVolume(ctx context.Context, source csi.VolumeRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	return b.create(ctx, &creation{spec: spec, source: source.ID})
}

func (b *Backend) create(ctx context.Context, c *creation) (*csi.Volume, error) {
	c.b = b
	var err error
	if c.p, err = parseClass(c.spec.Parameters, c.spec.Mutable); err != nil {
		return nil, err
	}
	v, err := c.find(ctx, 0) // first: what exists and differs is ErrExists, also if it could not be made
	if err == nil && v == nil {
		v, err = c.anew(ctx)
		if errors.Is(err, csi.ErrNotFound) { // an attempt whose answer was lost may have come before its source went, and be seen late
			if made, findErr := c.find(ctx, c.b.o.Consistency); made != nil || findErr != nil {
				v, err = made, findErr
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return c.check(v)
}

// anew makes the volume, which does not exist. [csi.ErrNotFound] says that what it
// is to be made from does not either.
func (c *creation) anew(ctx context.Context) (v *types.Volume, err error) {
	if c.source != "" {
		if c.original, err = c.b.volume(ctx, c.source); err != nil {
			return nil, err
		}
	}
	if err := c.plan(); err != nil {
		return nil, err
	}
	return c.make(ctx)
}

// plan decides everything that the request decides.
func (c *creation) plan() (err error) {
	if c.snapshot != "" && !snapshotID.MatchString(c.snapshot) {
		return notFound("snapshot", c.snapshot) // EC2 says that the parameter is invalid
	}
	if c.shape, err = c.p.shapeOf(c.spec.Size); err != nil {
		return err
	}
	for _, a := range c.spec.Access {
		c.shape.multiAttach = c.shape.multiAttach || a.Mode.MultiNode()
	}
	if c.p.initRate > 0 && c.snapshot == "" {
		c.p.initRate = 0 // EC2 refuses it for what is not made from a snapshot (aws-ebs-csi-driver#2691)
	}
	if c.original != nil && aws.ToBool(c.original.Encrypted) && c.p.encrypted != nil && !*c.p.encrypted {
		return invalid("encrypted=false, but volume %s is encrypted, and so are its clones", *c.original.VolumeId)
	}
	tags, err := c.p.tagMap(c.spec.Owner)
	if err != nil {
		return err
	}
	maps.Copy(tags, ownerTags(c.spec.Owner))
	maps.Copy(tags, c.b.o.ourTags(tagVolumeName, c.spec.Name))
	c.tags = tagSpecification(types.ResourceTypeVolume, tags)
	return nil
}

// tagSpecification lists tags in one order: EC2 compares requests by what they
// say, and so do people.
func tagSpecification(kind types.ResourceType, tags map[string]string) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: kind, Tags: tagList(tags)}}
}

func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

// check compares a volume with what the framework cannot see.
func (c *creation) check(v *types.Volume) (*csi.Volume, error) {
	wantsKey := c.p.kmsKey != "" || c.p.encrypted != nil && *c.p.encrypted
	if wantsKey && !aws.ToBool(v.Encrypted) {
		return nil, fmt.Errorf("%w: volume %s named %q is not encrypted", csi.ErrExists, *v.VolumeId, c.spec.Name)
	}
	out := toVolume(v, termFor(v, c.spec.Topology))
	if c.p.waitInitialized {
		c.p.format[contextInitialized] = "true"
	}
	maps.Copy(out.Context, c.p.format)
	return out, nil
}

// make tries the places in turn.
func (c *creation) make(ctx context.Context) (*types.Volume, error) {
	if c.original != nil {
		at := place{zone: aws.ToString(c.original.AvailabilityZone)}
		if len(c.spec.Topology.Requisite) > 0 && termFor(c.original, c.spec.Topology) == nil {
			return nil, fmt.Errorf("%w: a clone is where its original is, and volume %s is in zone %s; asked for are %v",
				csi.ErrExhausted, *c.original.VolumeId, at.zone, c.spec.Topology.Requisite)
		}
		return c.makeAt(ctx, at)
	}
	places, err := c.b.places(ctx, c.spec.Name, c.spec.Topology)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, at := range places {
		v, err := c.makeAt(ctx, at)
		if !errors.Is(err, csi.ErrExhausted) {
			return v, err
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// token is the client token of a volume: the same in every process, so that two
// that make it at once make one. It changes with the generation, when the token
// is burnt: EC2 remembers it for something that is not there any more.
func token(name string, generation int) string {
	sum := sha256.Sum256([]byte(name + "\x00" + strconv.Itoa(generation)))
	return hex.EncodeToString(sum[:])
}

// call makes the volume, or finds the one that was made with the token.
func (c *creation) call(ctx context.Context, at place, token string) (string, error) {
	s := &c.shape
	if c.original != nil {
		in := &ec2.CopyVolumesInput{
			SourceVolumeId: c.original.VolumeId, ClientToken: &token, TagSpecifications: c.tags,
			VolumeType: types.VolumeType(s.volumeType.name), Size: orNil(int32(s.sizeGiB)), Iops: orNil(int32(s.iops)), Throughput: orNil(int32(s.throughput)),
			KmsKeyId: orNil(c.p.kmsKey), Encrypted: c.encrypted(), MultiAttachEnabled: orNil(s.multiAttach),
		}
		out, err := c.b.ec2.CopyVolumes(ctx, in)
		if err != nil || len(out.Volumes) == 0 {
			return "", cmp.Or(err, csi.ErrUnavailable)
		}
		return aws.ToString(out.Volumes[0].VolumeId), nil
	}
	in := &ec2.CreateVolumeInput{
		AvailabilityZone: &at.zone, OutpostArn: orNil(at.outpost), ClientToken: &token, TagSpecifications: c.tags,
		VolumeType: types.VolumeType(s.volumeType.name), Size: orNil(int32(s.sizeGiB)), Iops: orNil(int32(s.iops)), Throughput: orNil(int32(s.throughput)),
		KmsKeyId: orNil(c.p.kmsKey), Encrypted: c.encrypted(), MultiAttachEnabled: orNil(s.multiAttach),
		SnapshotId: orNil(c.snapshot), VolumeInitializationRate: orNil(int32(c.p.initRate)),
	}
	out, err := c.b.ec2.CreateVolume(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.VolumeId), nil
}

func (c *creation) encrypted() *bool {
	if c.p.kmsKey != "" {
		return aws.Bool(true)
	}
	return c.p.encrypted
}

// orNil points to a value, or to nothing where nothing was asked for: EC2 then
// decides.
func orNil[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}
