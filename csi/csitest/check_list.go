package csitest

import (
	"slices"

	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// listed is how many objects the paging checks make.
const listed = 5

var volumeListChecks = []check{
	{"Rule13/EveryPageSize", "paging with any max_entries lists each volume exactly once, and sets next_token if and only if there is more (spec.md, ListVolumes)", []need{provisions, listsVolumes}, volumePages},
	{"Rule13/BadToken", "an invalid starting_token is ABORTED (spec.md, ListVolumes)", []need{listsVolumes}, volumeBadToken},
	{"Rule13/NegativeMaxEntries", "a negative max_entries is INVALID_ARGUMENT (spec.md, ListVolumes)", []need{listsVolumes}, volumeNegativeEntries},
	{"Rule13/DeletedWhilePaging", "volumes that are deleted between pages neither hide nor repeat others (spec.md, ListVolumes)", []need{provisions, listsVolumes}, volumeDeletedWhilePaging},
	{"Rule13/PublishedNodes", "published_node_ids are the nodes that a volume is attached to (spec.md, ListVolumes)", []need{provisions, attaches, listsNodes}, publishedNodes},
}

var snapshotListChecks = []check{
	{"Rule13/EverySnapshotPageSize", "paging with any max_entries lists each snapshot exactly once (spec.md, ListSnapshots)", []need{provisions, snapshots, listsSnaps}, snapshotPages},
	{"Rule13/BadSnapshotToken", "an invalid starting_token is ABORTED (spec.md, ListSnapshots)", []need{listsSnaps}, snapshotBadToken},
	{"Rule13/NegativeSnapshotEntries", "a negative max_entries is INVALID_ARGUMENT (spec.md, ListSnapshots)", []need{listsSnaps}, snapshotNegativeEntries},
	{"Rule14/UnknownIsEmpty", "an unknown snapshot or source volume gives an empty list (spec.md, ListSnapshots)", []need{provisions, snapshots, listsSnaps}, snapshotUnknownIsEmpty},
	{"Rule14/Filters", "snapshot_id and source_volume_id select exactly what they name (spec.md, ListSnapshots)", []need{provisions, snapshots, listsSnaps}, snapshotFilters},
}

// A lister returns one page: its ids and the token of the next.
type lister func(maxEntries int32, token string) (ids []string, next string, err error)

func (s *session) listVolumes(maxEntries int32, token string) (ids []string, next string, err error) {
	resp, err := s.controller.ListVolumes(s.ctx(), &csipb.ListVolumesRequest{MaxEntries: maxEntries, StartingToken: token})
	for _, e := range resp.GetEntries() {
		ids = append(ids, e.GetVolume().GetVolumeId())
	}
	return ids, resp.GetNextToken(), err
}

func (s *session) listSnapshots(maxEntries int32, token string) (ids []string, next string, err error) {
	resp, err := s.controller.ListSnapshots(s.ctx(), &csipb.ListSnapshotsRequest{MaxEntries: maxEntries, StartingToken: token, Secrets: s.h.secrets()})
	for _, e := range resp.GetEntries() {
		ids = append(ids, e.GetSnapshot().GetSnapshotId())
	}
	return ids, resp.GetNextToken(), err
}

// everyPageSize lists with all page sizes from none to more than there is.
func (s *session) everyPageSize(list lister, want []string) {
	s.Helper()
	slices.Sort(want)
	for size := range int32(len(want) + 2) {
		var got []string
		for token, pages := "", 0; pages == 0 || token != ""; pages++ {
			ids, next, err := list(size, token)
			s.must("list", err)
			if size > 0 && len(ids) > int(size) {
				s.Errorf("a page of at most %d entries has %d", size, len(ids))
			}
			if pages > len(want)+1 {
				s.Fatalf("the %dth page of %d entries with max_entries %d has a next_token", pages, len(want), size)
			}
			if got = append(got, ids...); next != "" && len(got) >= len(want) {
				s.Errorf("with max_entries %d the last page has the next_token %q", size, next)
			}
			token = next
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			s.Errorf("with max_entries %d listed %v, want %v", size, got, want)
		}
	}
}

// some makes volumes and returns their ids.
func (s *session) some() (ids []string) {
	for range listed {
		ids = append(ids, s.create().GetVolumeId())
	}
	return ids
}

func volumePages(s *session) { s.everyPageSize(s.listVolumes, s.some()) }

func (s *session) badToken(list lister) {
	s.Helper()
	for _, token := range []string{"csitest-no-such-token", "%%%", "-1"} {
		_, _, err := list(1, token)
		s.wantCode("listing from the invalid token "+token, err, codes.Aborted)
	}
}

func (s *session) negativeEntries(list lister) {
	s.Helper()
	_, _, err := list(-1, "")
	s.wantCode("listing -1 entries", err, codes.InvalidArgument)
}

func volumeBadToken(s *session)          { s.badToken(s.listVolumes) }
func volumeNegativeEntries(s *session)   { s.negativeEntries(s.listVolumes) }
func snapshotBadToken(s *session)        { s.badToken(s.listSnapshots) }
func snapshotNegativeEntries(s *session) { s.negativeEntries(s.listSnapshots) }

func volumeDeletedWhilePaging(s *session) {
	all := s.some()
	first, token, err := s.listVolumes(2, "")
	s.must("ListVolumes", err)
	for _, o := range s.objects {
		if v := o.(*volume); slices.Contains(first, v.GetVolumeId()) {
			v.delete()
		}
	}
	rest, _, err := s.listVolumes(0, token)
	s.must("ListVolumes of the rest", err)
	seen := slices.Concat(first, rest)
	slices.Sort(seen)
	if slices.Sort(all); !slices.Equal(seen, all) {
		s.Errorf("listed %v and, after their deletion, %v; want each of %v once", first, rest, all)
	}
}

func publishedNodes(s *session) {
	v := s.create()
	if nodes := v.attachedTo(); len(nodes) != 0 {
		s.Errorf("a new volume is attached to %v", nodes)
	}
	v.attach(s.nodeID)
	if nodes := v.attachedTo(); !slices.Equal(nodes, []string{s.nodeID}) {
		s.Errorf("published_node_ids are %v, want %s", nodes, s.nodeID)
	}
}

func snapshotPages(s *session) {
	v := s.create()
	var ids []string
	for range listed {
		ids = append(ids, v.snapshot().GetSnapshotId())
	}
	s.everyPageSize(s.listSnapshots, ids)
}

// filtered lists the snapshots that a request selects.
func (s *session) filtered(r *csipb.ListSnapshotsRequest) (ids []string) {
	s.Helper()
	r.Secrets = s.h.secrets()
	resp, err := s.controller.ListSnapshots(s.ctx(), r)
	s.must("ListSnapshots", err)
	for _, e := range resp.GetEntries() {
		ids = append(ids, e.GetSnapshot().GetSnapshotId())
	}
	return ids
}

func snapshotUnknownIsEmpty(s *session) {
	s.create().snapshot()
	for _, r := range []*csipb.ListSnapshotsRequest{{SnapshotId: "csitest-unknown"}, {SourceVolumeId: "csitest-unknown"}} {
		if ids := s.filtered(r); len(ids) > 0 {
			s.Errorf("ListSnapshots of something unknown lists %v", ids)
		}
	}
}

func snapshotFilters(s *session) {
	a, b := s.create().snapshot(), s.create().snapshot()
	for _, r := range []*csipb.ListSnapshotsRequest{
		{SnapshotId: a.GetSnapshotId()}, {SourceVolumeId: a.GetSourceVolumeId()},
		{SnapshotId: a.GetSnapshotId(), SourceVolumeId: a.GetSourceVolumeId()},
	} {
		if ids := s.filtered(r); !slices.Equal(ids, []string{a.GetSnapshotId()}) {
			s.Errorf("ListSnapshots lists %v, want %s", ids, a.GetSnapshotId())
		}
	}
	if ids := s.filtered(&csipb.ListSnapshotsRequest{SnapshotId: a.GetSnapshotId(), SourceVolumeId: b.GetSourceVolumeId()}); len(ids) > 0 {
		s.Errorf("ListSnapshots of a snapshot and another volume lists %v", ids)
	}
}
