package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/page"
)

// ListVolumes implements csipb.ControllerServer.
func (s *controllerServer) ListVolumes(ctx context.Context, r *csipb.ListVolumesRequest) (*csipb.ListVolumesResponse, error) {
	request := page.Request{Token: r.GetStartingToken(), Max: int(r.GetMaxEntries())}
	list := func() ([]*Volume, error) {
		return call(ctx, s.d, "ListVolumes", "", func(ctx context.Context) ([]*Volume, error) {
			return page.Collect(s.d.features.volumeLister.ListVolumes(ctx, ListQuery{}))
		})
	}
	entries, next, err := s.volumes.Page(request, func(v *Volume) string { return v.ID }, list)
	if err != nil {
		return nil, tokenError(err)
	}
	response := &csipb.ListVolumesResponse{NextToken: next}
	for _, v := range entries {
		response.Entries = append(response.Entries, s.d.entryToProto(v))
	}
	return response, nil
}

// entryToProto converts a volume of a listing. Its nodes are told only with
// LIST_VOLUMES_PUBLISHED_NODES.
func (d *Driver) entryToProto(v *Volume) *csipb.ListVolumesResponse_Entry {
	entry := &csipb.ListVolumesResponse_Entry{Volume: d.features.readToProto(v)}
	if d.features.attacher != nil {
		entry.Status = &csipb.ListVolumesResponse_VolumeStatus{PublishedNodeIds: nodesOf(v)}
	}
	return entry
}
