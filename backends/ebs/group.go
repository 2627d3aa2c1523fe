package ebs

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/pace"
	"github.com/csikit/csikit/internal/poll"
)

// tagGroupName holds the CO's name of a group on each of its snapshots. Instead
// of a name of their own these have the group's id. It says how many they are,
// as reads that lag may show only some of them, and of what: EC2 may cut more
// than was asked for, and who asked may have died of it.
const tagGroupName = "CSIVolumeGroupSnapshotName"

func newGroupID(of []string) string {
	return fmt.Sprintf("gsnap-%d-%s%08x", len(of), sumOf(of), rand.Uint32())
}

// sumOf identifies volumes, in any order.
func sumOf(ids []string) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(strings.Join(slices.Sorted(slices.Values(ids)), " "))))
}

var groupID = regexp.MustCompile(`^gsnap-([1-9][0-9]{0,2})-([0-9a-f]{8})[0-9a-f]{8}$`)

// CreateGroupSnapshot implements [csi.GroupSnapshotter]. EC2 cuts at one moment
// only volumes of one instance.
func (b *Backend) CreateGroupSnapshot(ctx context.Context, spec csi.GroupSpec) (*csi.GroupSnapshot, error) {
	p, err := parseSnapshotClass(spec.Parameters)
	if err != nil {
		return nil, err
	}
	key := "group " + spec.Name
	made, missing, err := b.members(ctx, b.groupsNamed, spec.Name, time.Until(b.certain(key)))
	fresh := err == nil && len(made) == 0
	if fresh {
		made, err = b.cutGroup(ctx, spec, p)
		b.uncertain.Store(key, time.Now())
	}
	if err == nil {
		err = b.deleteWrongCut(ctx, spec.VolumeIDs, made, fresh)
	}
	if err == nil && missing > 0 {
		err = fmt.Errorf("%w: of the snapshots of group %q %d are not seen: if they are gone for good, delete the others, which are tagged %s=%s", csi.ErrUnavailable, spec.Name, missing, tagGroupName, spec.Name)
	}
	if err == nil {
		err = b.deleteFailed(ctx, made)
	}
	if err == nil {
		err = b.finish(ctx, made, p, fresh)
	}
	if err != nil {
		return nil, err
	}
	if !fresh { // it is seen
		b.uncertain.Delete(key)
	}
	return toGroup(made), nil
}

// members are the snapshots of the group that a read finds; of several groups
// those of the oldest. It looks for lag until there are any, and then for as long
// as reads may lag until all are there.
func (b *Backend) members(ctx context.Context, read *poll.Poller[[]types.Snapshot], key string, lag time.Duration) (list []types.Snapshot, missing int, err error) {
	for start := time.Now(); ; {
		list, _, err = read.Find(ctx, key, lag)
		if err != nil || len(list) == 0 {
			return nil, 0, err
		}
		id := tagValue(slices.MinFunc(list, byAge).Tags, tagSnapshotName)
		list = slices.DeleteFunc(list, func(s types.Snapshot) bool { return tagValue(s.Tags, tagSnapshotName) != id })
		slices.SortFunc(list, byAge)
		if m := groupID.FindStringSubmatch(id); m != nil {
			missing, _ = strconv.Atoi(m[1])
		}
		missing -= len(list)
		whole := missing <= 0 && time.Since(aws.ToTime(list[0].StartTime)) > b.o.Consistency // a wrong cut may have more
		if whole || time.Since(start) > b.o.Consistency {
			return list, missing, nil
		}
		if err := pace.Sleep(ctx, b.o.Consistency/10); err != nil {
			return nil, 0, err
		}
	}
}

func (b *Backend) cutGroup(ctx context.Context, spec csi.GroupSpec, p *snapshotParameters) ([]types.Snapshot, error) {
	tags, err := p.tags.Tags(snapshotFields(spec.Owner), checkTag)
	if err != nil {
		return nil, err
	}
	from, err := b.commonInstance(ctx, spec.VolumeIDs)
	if err != nil {
		return nil, err
	}
	maps.Copy(tags, b.o.ourTags(tagGroupName, spec.Name))
	tags[tagSnapshotName] = newGroupID(spec.VolumeIDs)
	out, err := b.ec2.CreateSnapshots(ctx, &ec2.CreateSnapshotsInput{
		InstanceSpecification: from, Description: aws.String("Created by csikit for group " + spec.Name),
		OutpostArn: orNil(p.outpost), TagSpecifications: tagSpecification(types.ResourceTypeSnapshot, tags),
	})
	switch {
	case err != nil && slices.ContainsFunc(from.ExcludeDataVolumeIds, func(id string) bool { return strings.Contains(err.Error(), id) }):
		return nil, fmt.Errorf("%w: what is attached to instance %s has changed since it was read: %s", csi.ErrPending, *from.InstanceId, err)
	case err != nil:
		return nil, err
	}
	var made []types.Snapshot
	for _, s := range out.Snapshots {
		made = append(made, types.Snapshot{SnapshotId: s.SnapshotId, VolumeId: s.VolumeId, VolumeSize: s.VolumeSize, StartTime: s.StartTime, State: s.State, Tags: tagList(tags)})
	}
	return made, nil
}

// deleteWrongCut deletes what was cut for these volumes and is of others, or if
// it was cut just now of fewer: what is attached had changed since it was read.
// Those that nobody asked for go when the others are seen no more: until then,
// also after a crash, they show what the others are.
func (b *Backend) deleteWrongCut(ctx context.Context, ids []string, made []types.Snapshot, fresh bool) error {
	var wanted, strangers []types.Snapshot
	for _, s := range made {
		if slices.Contains(ids, aws.ToString(s.VolumeId)) {
			wanted = append(wanted, s)
		} else if m := groupID.FindStringSubmatch(tagValue(s.Tags, tagSnapshotName)); m != nil && m[2] == sumOf(ids) {
			strangers = append(strangers, s)
		}
	}
	if len(strangers) == 0 && !(fresh && len(wanted) < len(ids)) {
		return nil
	}
	err := fmt.Errorf("%w: EC2 cut %d of the %d volumes and %d others: what is attached to the instance has changed", csi.ErrPending, len(wanted), len(ids), len(strangers))
	if len(wanted) > 0 {
		return errors.Join(err, b.deleteAll(ctx, wanted))
	}
	return errors.Join(err, b.deleteAll(ctx, strangers))
}

// commonInstance specifies the instance that has all the volumes, without what
// else it has.
func (b *Backend) commonInstance(ctx context.Context, ids []string) (*types.InstanceSpecification, error) {
	on, where := map[string]int{}, map[string][]string{}
	for _, id := range ids {
		v, err := b.volume(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, a := range v.Attachments {
			if a.State == types.VolumeAttachmentStateAttached {
				on[aws.ToString(a.InstanceId)]++
				where[id] = append(where[id], aws.ToString(a.InstanceId))
			}
		}
	}
	for _, node := range slices.Sorted(maps.Keys(on)) {
		if on[node] < len(ids) {
			continue
		}
		i, err := b.instance(ctx, node)
		if err != nil {
			return nil, err
		}
		spec := &types.InstanceSpecification{InstanceId: &node}
		for _, m := range i.BlockDeviceMappings {
			switch {
			case m.Ebs == nil || slices.Contains(ids, aws.ToString(m.Ebs.VolumeId)):
			case aws.ToString(m.DeviceName) == aws.ToString(i.RootDeviceName):
				spec.ExcludeBootVolume = aws.Bool(true)
			default:
				spec.ExcludeDataVolumeIds = append(spec.ExcludeDataVolumeIds, *m.Ebs.VolumeId)
			}
		}
		return spec, nil
	}
	return nil, fmt.Errorf("%w: EC2 cuts at one moment only volumes that are attached to one instance; of %v these are attached: %v", csi.ErrInUse, ids, where)
}

// DeleteGroupSnapshot implements [csi.GroupSnapshotter].
func (b *Backend) DeleteGroupSnapshot(ctx context.Context, g csi.GroupRef) error {
	if !groupID.MatchString(g.ID) {
		return notFound("group snapshot", g.ID)
	}
	list, _, err := b.members(ctx, b.snapshotsNamed, g.ID, b.o.Consistency)
	if err != nil {
		return err
	}
	return b.deleteAll(ctx, list)
}

// GroupSnapshot implements [csi.GroupSnapshotter].
func (b *Backend) GroupSnapshot(ctx context.Context, g csi.GroupRef) (*csi.GroupSnapshot, error) {
	if !groupID.MatchString(g.ID) {
		return nil, notFound("group snapshot", g.ID)
	}
	list, _, err := b.members(ctx, b.snapshotsNamed, g.ID, b.o.Consistency) // of some only, while it is deleted
	if err == nil && len(list) == 0 {
		err = notFound("group snapshot", g.ID)
	}
	if err != nil {
		return nil, err
	}
	return toGroup(list), nil
}

func toGroup(list []types.Snapshot) *csi.GroupSnapshot {
	g := &csi.GroupSnapshot{ID: tagValue(list[0].Tags, tagSnapshotName), Created: aws.ToTime(list[0].StartTime)}
	for _, s := range list {
		g.Members = append(g.Members, toSnapshot(&s))
	}
	return g
}
