package csi_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// A healthFake has volumes with problems.
type healthFake struct {
	*fake
	problems []csi.VolumeProblem
	err      error
}

func (f *healthFake) VolumeHealth(ctx context.Context, v csi.VolumeRef) (found []csi.Problem, err error) {
	if _, err := f.Volume(ctx, v); err != nil {
		return nil, err
	}
	for _, p := range f.problems {
		if p.ID == v.ID {
			found = append(found, p.Problem)
		}
	}
	return found, f.err
}

func (f *healthFake) UnhealthyVolumes(context.Context, csi.ListQuery) iter.Seq2[csi.VolumeProblem, error] {
	return func(yield func(csi.VolumeProblem, error) bool) {
		for _, p := range f.problems {
			if !yield(p, nil) {
				return
			}
		}
		if f.err != nil {
			yield(csi.VolumeProblem{}, f.err)
		}
	}
}

func entries(h *csipb.VolumeHealth) (out []string) {
	for _, e := range h.GetHealthStatuses() {
		out = append(out, fmt.Sprintf("%s %s %s", e.GetStatus(), e.GetReason(), e.GetMessage()))
	}
	return out
}

func TestVolumeHealth_OfOne(t *testing.T) {
	f := &healthFake{fake: newFake()}
	s := serveBackend(t, f.fake, f, nil)
	require.Contains(t, s.controllerCapabilities(), "GET_VOLUME_HEALTH LIST_VOLUME_HEALTH")
	s.create(create("a"))
	get := func(id string) ([]string, error) {
		r, err := s.ControllerGetVolumeHealth(s.ctx(), &csipb.ControllerGetVolumeHealthRequest{VolumeId: id})
		if err == nil {
			require.Equal(t, id, r.GetVolumeHealth().GetVolumeId())
		}
		return entries(r.GetVolumeHealth()), err
	}
	healthy, err := get("vol-a")
	require.NoError(t, err)
	require.Empty(t, healthy)

	f.problems = []csi.VolumeProblem{
		{ID: "vol-a", Problem: csi.Problem{Kind: csi.Inaccessible, Reason: "IOStalled", Message: "one"}},
		{ID: "vol-a", Problem: csi.Problem{Kind: csi.Inaccessible, Reason: "IOStalled", Message: "two"}},
		{ID: "vol-a", Problem: csi.Problem{Kind: csi.DataLoss, Reason: "Torn"}},
		{ID: "vol-a", Problem: csi.Problem{Message: strings.Repeat("größe ", 100)}},
	}
	ill, err := get("vol-a")
	require.NoError(t, err)
	require.Equal(t, []string{"INACCESSIBLE IOStalled one; two", "DATA_LOSS Torn "}, ill[:2], "one entry for each status and reason")
	require.True(t, strings.HasPrefix(ill[2], "DEGRADED Unknown größe"), "a problem of no kind is not lost")
	require.LessOrEqual(t, len(ill[2]), len("DEGRADED Unknown ")+128, "spec, size limits")

	_, err = get("vol-none")
	code(t, codes.NotFound, err)
	_, err = get("")
	code(t, codes.InvalidArgument, err, "volume_id")
	f.err = csi.ErrUnavailable
	_, err = get("vol-a")
	code(t, codes.Unavailable, err)
}

func TestVolumeHealth_Listing(t *testing.T) {
	f := &healthFake{fake: newFake()}
	s := serveBackend(t, f.fake, f, nil)
	for _, id := range []string{"c", "a", "c", "b"} {
		f.problems = append(f.problems, csi.VolumeProblem{ID: id, Problem: csi.Problem{Kind: csi.Degraded, Reason: fmt.Sprint("R", len(f.problems))}})
	}
	var got []string
	r := &csipb.ControllerListVolumeHealthRequest{MaxEntries: 1}
	for {
		page, err := s.ControllerListVolumeHealth(s.ctx(), r)
		require.NoError(t, err)
		require.Len(t, page.GetEntries(), 1)
		got = append(got, fmt.Sprint(page.GetEntries()[0].GetVolumeId(), entries(page.GetEntries()[0])))
		if r.StartingToken = page.GetNextToken(); r.StartingToken == "" {
			break
		}
	}
	require.Equal(t, []string{"a[DEGRADED R1 ]", "b[DEGRADED R3 ]", "c[DEGRADED R0  DEGRADED R2 ]"}, got)

	_, err := s.ControllerListVolumeHealth(s.ctx(), &csipb.ControllerListVolumeHealthRequest{StartingToken: "bad"})
	code(t, codes.Aborted, err)
	_, err = s.ControllerListVolumeHealth(s.ctx(), &csipb.ControllerListVolumeHealthRequest{MaxEntries: -1})
	code(t, codes.InvalidArgument, err)
	f.err = csi.ErrUnavailable
	_, err = s.ControllerListVolumeHealth(s.ctx(), &csipb.ControllerListVolumeHealthRequest{})
	code(t, codes.Unavailable, err) // half a listing is none
}

func TestVolumeHealth_NeedsTheInterfaces(t *testing.T) {
	s := serve(t, newFake(), nil)
	_, err := s.ControllerGetVolumeHealth(s.ctx(), &csipb.ControllerGetVolumeHealthRequest{VolumeId: "a"})
	code(t, codes.Unimplemented, err)
	_, err = s.ControllerListVolumeHealth(s.ctx(), &csipb.ControllerListVolumeHealthRequest{})
	code(t, codes.Unimplemented, err)
	_, err = csi.New("health.example.com", &healthFake{fake: newFake()}, &csi.Options{Disable: []string{"HealthReporter"}, StateDir: t.TempDir()})
	require.ErrorContains(t, err, "HealthLister needs a HealthReporter")
}
