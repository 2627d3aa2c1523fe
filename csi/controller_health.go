package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/page"
)

// ControllerGetVolumeHealth implements csipb.ControllerServer.
func (s *controllerServer) ControllerGetVolumeHealth(ctx context.Context, r *csipb.ControllerGetVolumeHealthRequest) (*csipb.ControllerGetVolumeHealthResponse, error) {
	ref := VolumeRef{ID: r.GetVolumeId(), Secrets: secretsFromProto(r.GetSecrets())}
	problems, err := call(ctx, s.d, "VolumeHealth", ref.ID, func(ctx context.Context) ([]Problem, error) {
		return s.d.features.health.VolumeHealth(ctx, ref)
	})
	if err != nil {
		return nil, err
	}
	return &csipb.ControllerGetVolumeHealthResponse{VolumeHealth: healthToProto(ref.ID, problems)}, nil
}

// An unhealthy volume is an entry of a listing.
type unhealthy struct {
	id       string
	problems []Problem
}

// ControllerListVolumeHealth implements csipb.ControllerServer.
func (s *controllerServer) ControllerListVolumeHealth(ctx context.Context, r *csipb.ControllerListVolumeHealthRequest) (*csipb.ControllerListVolumeHealthResponse, error) {
	request := page.Request{Private: len(r.GetSecrets()) > 0, Token: r.GetStartingToken(), Max: int(r.GetMaxEntries())}
	list := func() ([]unhealthy, error) { return s.d.unhealthy(ctx, secretsFromProto(r.GetSecrets())) }
	entries, next, err := s.unhealthy.Page(request, func(u unhealthy) string { return u.id }, list)
	if err != nil {
		return nil, tokenError(err)
	}
	response := &csipb.ControllerListVolumeHealthResponse{NextToken: next}
	for _, u := range entries {
		response.Entries = append(response.Entries, healthToProto(u.id, u.problems))
	}
	return response, nil
}

// unhealthy asks the backend for all problems, and joins those of one volume.
func (d *Driver) unhealthy(ctx context.Context, secrets Secrets) ([]unhealthy, error) {
	all, err := call(ctx, d, "UnhealthyVolumes", "", func(ctx context.Context) ([]VolumeProblem, error) {
		return page.Collect(d.features.healthLister.UnhealthyVolumes(ctx, ListQuery{Secrets: secrets}))
	})
	var out []unhealthy
	place := map[string]int{}
	for _, p := range all {
		i, known := place[p.ID]
		if !known {
			i = len(out)
			place[p.ID], out = i, append(out, unhealthy{id: p.ID})
		}
		out[i].problems = append(out[i].problems, p.Problem)
	}
	return out, err
}
