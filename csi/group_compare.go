package csi

import (
	"context"
	"errors"
	"slices"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/speccheck"
)

// compareGroup checks that the group that a backend returned, new or not, is
// the one asked for: one snapshot of each volume.
func compareGroup(spec *GroupSpec, g *GroupSnapshot) error {
	if g == nil || g.ID == "" || len(g.ID) > speccheck.MaxString || g.Created.IsZero() {
		return refuse(ErrUnavailable, "CreateVolumeGroupSnapshot %s: the backend returned no group with an id of 1 to %d bytes and a time of creation", spec.Name, speccheck.MaxString)
	}
	var of []string
	for _, s := range g.Members {
		if s == nil || s.ID == "" || len(s.ID) > speccheck.MaxString || s.Created.IsZero() || s.Group != g.ID {
			return refuse(ErrUnavailable, "CreateVolumeGroupSnapshot %s: a member %+v of group %s has no id of 1 to %d bytes, no time of creation, or another group", spec.Name, s, g.ID, speccheck.MaxString)
		}
		of = append(of, s.VolumeID)
	}
	if slices.Sort(of); !slices.Equal(of, spec.VolumeIDs) {
		return refuse(ErrExists, "a group snapshot named %q exists and differs: it is of volumes %v, asked for is one of %v", spec.Name, of, spec.VolumeIDs)
	}
	return nil
}

// group describes a group snapshot.
func (d *Driver) group(ctx context.Context, ref GroupRef) (*GroupSnapshot, error) {
	found, err := call(ctx, d, "GroupSnapshot", ref.ID, func(ctx context.Context) (*GroupSnapshot, error) { return d.features.groups.GroupSnapshot(ctx, ref) })
	if err == nil && found == nil {
		err = refuse(ErrUnavailable, "GroupSnapshot %s: the backend returned neither a group nor an error", ref.ID)
	}
	return found, err
}

// members are the ids of the snapshots of a group, in order.
func (g *GroupSnapshot) members() []string {
	var ids []string
	for _, s := range g.Members {
		ids = append(ids, s.ID)
	}
	return sortedIDs(ids)
}

func sortedIDs(ids []string) []string { return slices.Compact(slices.Sorted(slices.Values(ids))) }

// sameMembers compares the members that the CO knows with those that there are.
func sameMembers(ref GroupRef, g *GroupSnapshot) error {
	if have := g.members(); !slices.Equal(have, ref.SnapshotIDs) {
		return refuse(ErrInvalid, "snapshot_ids: found %v, want those of group snapshot %s, which are %v", ref.SnapshotIDs, ref.ID, have)
	}
	return nil
}

// deleteGroup deletes a group if its members are those that the CO knows. Some
// may have been deleted by a call that was cut short, but none may be there that
// the CO does not know, and none that is not the group's.
func (d *Driver) deleteGroup(k keyop.Contexts, ref GroupRef) error {
	found, err := d.group(k.Wait, ref)
	switch {
	case errors.Is(err, ErrNotFound):
		err = nil
	case err == nil:
		err = d.mayDelete(k.Wait, ref, found)
	}
	if err != nil {
		return err
	}
	err = do(k.Op, d, "DeleteGroupSnapshot", ref.ID, func(ctx context.Context) error { return d.features.groups.DeleteGroupSnapshot(ctx, ref) })
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func (d *Driver) mayDelete(ctx context.Context, ref GroupRef, g *GroupSnapshot) error {
	have := g.members()
	for _, id := range have {
		if !slices.Contains(ref.SnapshotIDs, id) {
			return sameMembers(ref, g)
		}
	}
	for _, id := range ref.SnapshotIDs {
		if slices.Contains(have, id) {
			continue
		}
		switch _, err := d.snapshot(ctx, SnapshotRef{ID: id, Secrets: ref.Secrets}); {
		case err == nil:
			return sameMembers(ref, g)
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	return nil
}
