package csi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

func expandTo(id string, required, limit int64) *csipb.ControllerExpandVolumeRequest {
	return &csipb.ControllerExpandVolumeRequest{VolumeId: id, CapacityRange: &csipb.CapacityRange{RequiredBytes: required, LimitBytes: limit}}
}

func TestRule17_Expand(t *testing.T) {
	s := serve(t, newFake(), nil)
	id := s.create(create("a")).GetVolumeId()
	for _, required := range []int64{3 * mebi, 3 * mebi, mebi} { // grow, again, already large enough
		resp, err := s.ControllerExpandVolume(s.ctx(), expandTo(id, required, 0))
		require.NoError(t, err)
		require.EqualValues(t, 3*mebi, resp.GetCapacityBytes())
	}
	for name, test := range map[string]struct {
		r    *csipb.ControllerExpandVolumeRequest
		want codes.Code
	}{
		"unknown":          {expandTo("none", mebi, 0), codes.NotFound},
		"below its size":   {expandTo(id, mebi, 2*mebi), codes.OutOfRange},
		"reversed":         {expandTo(id, 5*mebi, 4*mebi), codes.OutOfRange},
		"no range":         {&csipb.ControllerExpandVolumeRequest{VolumeId: id}, codes.InvalidArgument},
		"no volume":        {expandTo("", mebi, 0), codes.InvalidArgument},
		"unsupported mode": {&csipb.ControllerExpandVolumeRequest{VolumeId: id, CapacityRange: &csipb.CapacityRange{RequiredBytes: 4 * mebi}, VolumeCapability: raw(anyWriters)}, codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.ControllerExpandVolume(s.ctx(), test.r)
			code(t, test.want, err)
		})
	}
	s.change(func(f *fake) { f.fail["ExpandVolume"] = fmt.Errorf("%w: 64 TiB is the end", csi.ErrOutOfRange) })
	_, err := s.ControllerExpandVolume(s.ctx(), expandTo(id, 1<<50, 0))
	code(t, codes.OutOfRange, err, "64 TiB")
}

func TestRule17_OfflineExpansion(t *testing.T) {
	f := newFake()
	f.traits.OfflineExpansion = true
	s := serve(t, f, nil)
	id := s.create(create("a")).GetVolumeId()
	s.publish(id, "node-a")
	_, err := s.ControllerExpandVolume(s.ctx(), expandTo(id, 2*mebi, 0))
	code(t, codes.FailedPrecondition, err, "node-a")
	require.NoError(t, s.unpublish(id, "node-a"))
	_, err = s.ControllerExpandVolume(s.ctx(), expandTo(id, 2*mebi, 0))
	require.NoError(t, err)
}

func TestRule18_NodeExpansion(t *testing.T) {
	s := serve(t, newFake(), nil)
	id := s.create(create("a")).GetVolumeId()
	for _, test := range []struct {
		access *csipb.VolumeCapability
		want   bool
	}{{nil, true}, {mounted(oneWriter), true}, {raw(oneWriter), false}} {
		r := expandTo(id, 2*mebi, 0)
		r.VolumeCapability = test.access
		resp, err := s.ControllerExpandVolume(s.ctx(), r)
		require.NoError(t, err)
		require.Equal(t, test.want, resp.GetNodeExpansionRequired(), "%v", test.access)
	}
}

func TestRule7_Modify(t *testing.T) {
	s := serve(t, newFake(), nil)
	id := s.create(create("a")).GetVolumeId()
	modify := func(id string, parameters map[string]string) error {
		_, err := s.ControllerModifyVolume(s.ctx(), &csipb.ControllerModifyVolumeRequest{VolumeId: id, MutableParameters: parameters})
		return err
	}
	require.NoError(t, modify(id, map[string]string{"tier": "gold", "csi.storage.k8s.io/pvc/name": "data", "csi.storage.k8s.io/pv/name": "pv"}))
	m := last[csi.Modification](s.fake, "ModifyVolume")
	require.Equal(t, map[string]string{"tier": "gold"}, m.Parameters)
	require.Equal(t, csi.Owner{Name: "data", Object: "pv"}, m.Owner)
	code(t, codes.InvalidArgument, modify(id, map[string]string{"color": "red"}), "color")
	code(t, codes.InvalidArgument, modify(id, nil), "mutable_parameters")
	code(t, codes.NotFound, modify("none", map[string]string{"tier": "gold"}))
}

// TestRuling10_ExpandBesideModify: a backend can make one change of both.
func TestRuling10_ExpandBesideModify(t *testing.T) {
	s := serve(t, newFake(), nil)
	id := s.create(create("a")).GetVolumeId()
	release := s.fake.hold("ExpandVolume")
	defer release()
	var group errgroup.Group
	group.Go(func() error { _, err := s.ControllerExpandVolume(s.ctx(), expandTo(id, 2*mebi, 0)); return err })
	s.joined(1)
	_, err := s.ControllerModifyVolume(s.ctx(), &csipb.ControllerModifyVolumeRequest{VolumeId: id, MutableParameters: map[string]string{"tier": "gold"}})
	require.NoError(t, err)
	release()
	require.NoError(t, group.Wait())
}
