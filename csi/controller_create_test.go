package csi_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// zonal is a fake whose volumes are in one zone.
func zonal() *fake {
	f := newFake()
	f.traits.TopologyKeys = []string{"zone"}
	f.zone = "a"
	return f
}

func TestRule1_SameNameIsSameResponse(t *testing.T) {
	s := serve(t, zonal(), nil)
	first := s.create(create("a", inZones("a", "b")))
	source := s.create(create("source"))
	s.cut("cut", source.GetVolumeId())
	for _, r := range []*csipb.CreateVolumeRequest{
		create("a", inZones("a", "b")),
		create("restored", fromSnapshot("snap-cut")),
		create("cloned", fromVolume(source.GetVolumeId())),
	} {
		once, again := s.create(r), s.create(r)
		require.True(t, proto.Equal(once, again), "%v\n%v", once, again)
	}
	require.True(t, proto.Equal(first, s.create(create("a", inZones("a", "b")))))
}

func TestRule1_CompatibleIsARange(t *testing.T) {
	s := serve(t, newFake(), nil)
	s.create(create("a", sized(3*mebi, 0)))
	for _, compatible := range [][2]int64{{3 * mebi, 3 * mebi}, {1, 0}, {0, 3 * mebi}, {2 * mebi, 4 * mebi}} {
		s.create(create("a", sized(compatible[0], compatible[1])))
	}
	s.create(create("a", func(r *csipb.CreateVolumeRequest) { r.CapacityRange = nil }))
	for _, other := range [][2]int64{{4 * mebi, 0}, {0, 2 * mebi}, {mebi, 2 * mebi}} {
		_, err := s.CreateVolume(s.ctx(), create("a", sized(other[0], other[1])))
		code(t, codes.AlreadyExists, err, "3145728")
	}
}

func TestRule1_OtherSourceAccessOrTopologyExists(t *testing.T) {
	s := serve(t, zonal(), nil)
	source := s.create(create("source"))
	s.cut("cut", source.GetVolumeId())
	s.create(create("plain"))
	s.create(create("restored", fromSnapshot("snap-cut")))
	for _, r := range []*csipb.CreateVolumeRequest{
		create("plain", fromSnapshot("snap-cut")),
		create("restored", fromVolume(source.GetVolumeId())),
		create("restored"),
		create("plain", inZones("b", "c")),
	} {
		_, err := s.CreateVolume(s.ctx(), r)
		code(t, codes.AlreadyExists, err, "exists and differs")
	}
}

// onlyExisting refuses an access of volumes that exist.
type onlyExisting struct{ *fake }

func (o onlyExisting) CheckAccess(_ context.Context, q csi.AccessQuery) error {
	if q.Volume != nil && q.Access.Mode.MultiNode() {
		return fmt.Errorf("%w: it was made for one node", csi.ErrUnsupported)
	}
	return nil
}

func TestRule1_ExistingVolumeOfOtherAccessExists(t *testing.T) {
	f := newFake()
	f.traits.Block = []csi.AccessMode{csi.SingleNodeWriter, csi.MultiNodeMultiWriter}
	s := serveBackend(t, f, onlyExisting{f}, nil)
	s.create(create("a"))
	_, err := s.CreateVolume(s.ctx(), create("a", func(r *csipb.CreateVolumeRequest) {
		r.VolumeCapabilities = append(r.VolumeCapabilities, raw(anyWriters))
	}))
	code(t, codes.AlreadyExists, err, "made for one node")
}

// checksLater is a backend whose CheckAccess fails once there is a volume.
type checksLater struct{ *fake }

func (checksLater) CheckAccess(_ context.Context, q csi.AccessQuery) error {
	if q.Volume != nil {
		return fmt.Errorf("%w: the array's role may not read limits", csi.ErrPermission)
	}
	return nil
}

func TestRule40_NothingIsFinalOnceTheVolumeIsMade(t *testing.T) {
	f := newFake()
	s := serveBackend(t, f, checksLater{f}, nil)
	_, err := s.CreateVolume(s.ctx(), create("a"))
	code(t, codes.Unavailable, err, "may not read limits")
}

func TestRule2_NameAndCapabilitiesAreRequired(t *testing.T) {
	s := serve(t, newFake(), nil)
	_, err := s.CreateVolume(s.ctx(), create(""))
	code(t, codes.InvalidArgument, err, "CreateVolumeRequest.name")
	_, err = s.CreateVolume(s.ctx(), create("a", func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities = nil }))
	code(t, codes.InvalidArgument, err, "volume_capabilities")
	require.Zero(t, s.fake.count("CreateVolume"))
}

// A class that no node could format is refused before a volume exists.
func TestR15_BadFormatOptionsMakeNoVolume(t *testing.T) {
	s := serve(t, newFake(), nil)
	_, err := s.CreateVolume(s.ctx(), create("a", func(r *csipb.CreateVolumeRequest) {
		r.Parameters = map[string]string{"fs.csikit.io/blockSize": "4095"}
	}))
	code(t, codes.InvalidArgument, err, "fs.csikit.io/", "blockSize")
	require.Zero(t, s.fake.count("CreateVolume"))
}

func TestRule2_AllCapabilitiesMustBeSatisfied(t *testing.T) {
	f := newFake()
	f.traits.Block = []csi.AccessMode{}
	s := serve(t, f, nil)
	for what, c := range map[string]*csipb.VolumeCapability{"no block volumes": raw(oneWriter), "MULTI_NODE_MULTI_WRITER": mounted(anyWriters)} {
		_, err := s.CreateVolume(s.ctx(), create("a", func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities = append(r.VolumeCapabilities, c) }))
		code(t, codes.InvalidArgument, err, what)
	}
	s.change(func(f *fake) { f.refuse = fmt.Errorf("%w: not by this class", csi.ErrUnsupported) })
	_, err := s.CreateVolume(s.ctx(), create("a"))
	code(t, codes.InvalidArgument, err, "not by this class")
	require.Zero(t, s.fake.count("CreateVolume"))
}

func TestRule3_SizeRange(t *testing.T) {
	s := serve(t, newFake(), nil)
	for i, test := range []struct {
		required, limit int64
		want            codes.Code
	}{
		{0, 0, codes.InvalidArgument},
		{-1, 0, codes.InvalidArgument},
		{1, -1, codes.InvalidArgument},
		{2 * mebi, mebi, codes.OutOfRange},
		{1, 2, codes.OutOfRange},         // below the smallest volume
		{1<<40 + 1, 0, codes.OutOfRange}, // above the largest
		{1<<63 - 1, 0, codes.OutOfRange},
	} {
		_, err := s.CreateVolume(s.ctx(), create(fmt.Sprint(i), sized(test.required, test.limit)))
		code(t, test.want, err)
	}
	require.EqualValues(t, mebi, s.create(create("up", sized(1, 0))).GetCapacityBytes(), "too small without a limit is rounded up")
	require.EqualValues(t, mebi, s.create(create("up2", sized(1, 2*mebi-1))).GetCapacityBytes())
}

func TestRule4_Sources(t *testing.T) {
	s := serve(t, newFake(), nil)
	source := s.create(create("source", sized(4*mebi, 0)))
	s.cut("cut", source.GetVolumeId())
	const id = "snap-cut"
	for name, test := range map[string]struct {
		edits []func(*csipb.CreateVolumeRequest)
		want  codes.Code
	}{
		"missing snapshot":          {[]func(*csipb.CreateVolumeRequest){fromSnapshot("none")}, codes.NotFound},
		"missing volume":            {[]func(*csipb.CreateVolumeRequest){fromVolume("none")}, codes.NotFound},
		"smaller than snapshot":     {[]func(*csipb.CreateVolumeRequest){fromSnapshot(id), sized(2*mebi, 0)}, codes.OutOfRange},
		"limit below snapshot":      {[]func(*csipb.CreateVolumeRequest){fromSnapshot(id), sized(0, 2*mebi)}, codes.OutOfRange},
		"limit below original":      {[]func(*csipb.CreateVolumeRequest){fromVolume("vol-source"), sized(mebi, 2*mebi)}, codes.OutOfRange},
		"as large":                  {[]func(*csipb.CreateVolumeRequest){fromSnapshot(id), sized(4*mebi, 0)}, codes.OK},
		"larger":                    {[]func(*csipb.CreateVolumeRequest){fromSnapshot(id), sized(8*mebi, 0)}, codes.OK},
		"no size":                   {[]func(*csipb.CreateVolumeRequest){fromSnapshot(id), func(r *csipb.CreateVolumeRequest) { r.CapacityRange = nil }}, codes.OK},
		"clone as it was asked for": {[]func(*csipb.CreateVolumeRequest){fromVolume("vol-source"), sized(4*mebi-5, 0)}, codes.OK},
		"larger clone":              {[]func(*csipb.CreateVolumeRequest){fromVolume("vol-source"), sized(9*mebi, 0)}, codes.OK},
	} {
		resp, err := s.CreateVolume(s.ctx(), create(name, test.edits...))
		code(t, test.want, err)
		if err == nil {
			require.NotNil(t, resp.GetVolume().GetContentSource())
			require.GreaterOrEqual(t, resp.GetVolume().GetCapacityBytes(), int64(4*mebi))
		}
	}
}

// The answer of a create was lost, and its source is deleted since: the volume
// must not be orphaned by a final NOT_FOUND.
func TestRule4_SourceGoneSince(t *testing.T) {
	s := serve(t, newFake(), nil)
	source := s.create(create("source"))
	s.cut("cut", source.GetVolumeId())
	restore, clone := create("restored", fromSnapshot("snap-cut")), create("cloned", fromVolume(source.GetVolumeId()))
	restored, cloned := s.create(restore), s.create(clone)
	_, err := s.DeleteSnapshot(s.ctx(), &csipb.DeleteSnapshotRequest{SnapshotId: "snap-cut"})
	require.NoError(t, err)
	_, err = s.DeleteVolume(s.ctx(), &csipb.DeleteVolumeRequest{VolumeId: source.GetVolumeId()})
	require.NoError(t, err)
	require.True(t, proto.Equal(restored, s.create(restore)))
	require.True(t, proto.Equal(cloned, s.create(clone)))
	for _, r := range []*csipb.CreateVolumeRequest{create("b", fromSnapshot("snap-cut")), create("c", fromVolume(source.GetVolumeId()))} {
		_, err := s.CreateVolume(s.ctx(), r)
		code(t, codes.NotFound, err)
	}
}

func TestRule4_SnapshotNotReadyIsRetried(t *testing.T) {
	s := serve(t, newFake(), nil)
	s.cut("cut", s.create(create("source")).GetVolumeId())
	s.change(func(f *fake) { f.snapshots["snap-cut"].Ready = false })
	_, err := s.CreateVolume(s.ctx(), create("a", fromSnapshot("snap-cut")))
	code(t, codes.Aborted, err, "not ready")
}

func TestRule4_UnsupportedSource(t *testing.T) {
	s := serve(t, newFake(), &csi.Options{Disable: []string{"Snapshotter", "SnapshotLister", "Cloner"}})
	_, err := s.CreateVolume(s.ctx(), create("a", fromSnapshot("x")))
	code(t, codes.InvalidArgument, err, "CREATE_DELETE_SNAPSHOT")
	_, err = s.CreateVolume(s.ctx(), create("a", fromVolume("x")))
	code(t, codes.InvalidArgument, err, "CLONE_VOLUME")
}

func TestRule5_Topology(t *testing.T) {
	s := serve(t, zonal(), nil)
	require.Equal(t, "a", s.create(create("a", inZones("b", "a"))).GetAccessibleTopology()[0].GetSegments()["zone"])
	s.change(func(f *fake) { f.fail["CreateVolume"] = fmt.Errorf("%w: no disk in b", csi.ErrExhausted) })
	_, err := s.CreateVolume(s.ctx(), create("b", inZones("b")))
	code(t, codes.ResourceExhausted, err, "no disk in b")
	_, err = s.CreateVolume(s.ctx(), create("c", inZones("a"), func(r *csipb.CreateVolumeRequest) {
		r.AccessibilityRequirements.Preferred = topologies("b")
	}))
	code(t, codes.InvalidArgument, err, "preferred[0]")

	s.cut("cut", "vol-a")
	_, err = s.CreateVolume(s.ctx(), create("d", inZones("b"), fromSnapshot("snap-cut")))
	code(t, codes.ResourceExhausted, err, "snap-cut")

	flat := serve(t, newFake(), nil)
	_, err = flat.CreateVolume(s.ctx(), create("a", inZones("a")))
	code(t, codes.InvalidArgument, err, "VOLUME_ACCESSIBILITY_CONSTRAINTS")
}

// tiny returns volumes that are too small.
type tiny struct{ *fake }

func (f tiny) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	v, err := f.fake.CreateVolume(ctx, spec)
	v.Size = 1
	return v, err
}

func TestRule6_TooSmallIsNeverReturned(t *testing.T) {
	f := newFake()
	s := serveBackend(t, f, tiny{f}, nil)
	_, err := s.CreateVolume(s.ctx(), create("a"))
	code(t, codes.AlreadyExists, err, "1 bytes")
}

func TestRule7_MutableParameters(t *testing.T) {
	gold := func(r *csipb.CreateVolumeRequest) {
		r.Parameters = map[string]string{"tier": "silver", "csi.storage.k8s.io/pvc/name": "data", "csi.storage.k8s.io/pvc/namespace": "prod"}
		r.MutableParameters = map[string]string{"tier": "gold", "csi.storage.k8s.io/pvc/name": "data"}
	}
	s := serve(t, newFake(), nil)
	s.create(create("a", gold))
	spec := last[csi.VolumeSpec](s.fake, "CreateVolume")
	require.Equal(t, map[string]string{"tier": "gold"}, spec.Mutable)
	require.Equal(t, map[string]string{"tier": "silver"}, spec.Parameters)
	require.Equal(t, csi.Owner{Namespace: "prod", Name: "data"}, spec.Owner)

	s = serve(t, newFake(), &csi.Options{Disable: []string{"Modifier"}})
	_, err := s.CreateVolume(s.ctx(), create("a", gold))
	code(t, codes.InvalidArgument, err, "MODIFY_VOLUME")
}

func TestRuling20_Origin(t *testing.T) {
	s := serve(t, newFake(), nil)
	made := s.create(create("new"))
	s.cut("cut", made.GetVolumeId())
	for origin, v := range map[string]*csipb.Volume{
		"new":     made,
		"restore": s.create(create("r", fromSnapshot("snap-cut"))),
		"clone":   s.create(create("c", fromVolume(made.GetVolumeId()))),
	} {
		require.Equal(t, map[string]string{"pool": "one", "csikit.io/origin": origin}, v.GetVolumeContext())
	}
}

func TestRuling22_FormatOptionsAreCarried(t *testing.T) {
	s := serve(t, newFake(), nil)
	v := s.create(create("a", func(r *csipb.CreateVolumeRequest) {
		r.Parameters = map[string]string{"fs.csikit.io/blockSize": "1024", "type": "fast"}
	}))
	require.Equal(t, "1024", v.GetVolumeContext()["fs.csikit.io/blockSize"])
	require.Equal(t, map[string]string{"type": "fast"}, last[csi.VolumeSpec](s.fake, "CreateVolume").Parameters)
}

func TestRule31_IdenticalCreatesAreOneCall(t *testing.T) {
	s := serve(t, newFake(), nil)
	release := s.fake.hold("CreateVolume")
	defer release()
	var group errgroup.Group
	ids := make([]string, 16)
	for i := range ids {
		group.Go(func() error {
			resp, err := s.CreateVolume(s.ctx(), create("a", func(r *csipb.CreateVolumeRequest) {
				r.Secrets = map[string]string{"token": fmt.Sprint("rotated ", i)} // no part of a request's identity
			}))
			ids[i] = resp.GetVolume().GetVolumeId()
			return err
		})
	}
	s.joined(16)
	release()
	require.NoError(t, group.Wait())
	require.Equal(t, 1, s.fake.count("CreateVolume"))
	for _, id := range ids {
		require.Equal(t, "vol-a", id)
	}
}

func TestRule31_OtherCreateOfTheNameIsAborted(t *testing.T) {
	s := serve(t, newFake(), nil)
	release := s.fake.hold("CreateVolume")
	defer release()
	var group errgroup.Group
	group.Go(func() error { _, err := s.CreateVolume(s.ctx(), create("a")); return err })
	s.joined(1)
	ctx, cancel := context.WithTimeout(s.ctx(), 2*time.Second)
	defer cancel()
	_, err := s.CreateVolume(ctx, create("a", sized(2*mebi, 0)))
	code(t, codes.Aborted, err, "CreateVolume a", "ago")
	release()
	require.NoError(t, group.Wait())
}

func TestRule31_CancelledCreateContinuesAndIsJoined(t *testing.T) {
	s := serve(t, newFake(), nil)
	release := s.fake.hold("CreateVolume")
	defer release()
	ctx, cancel := context.WithCancel(s.ctx())
	var first errgroup.Group
	first.Go(func() error { _, err := s.CreateVolume(ctx, create("a")); return err })
	s.joined(1)
	cancel()
	code(t, codes.Canceled, first.Wait())
	s.joined(0)
	require.Len(t, s.driver.Operations(), 1, "the operation outlives its RPC")

	var second errgroup.Group
	second.Go(func() error { _, err := s.CreateVolume(s.ctx(), create("a")); return err })
	s.joined(1)
	release()
	require.NoError(t, second.Wait())
	require.Equal(t, 1, s.fake.count("CreateVolume"))
}

func TestRule40_UnknownOutcomeIsNeverFinal(t *testing.T) {
	s := serve(t, newFake(), nil)
	for err, want := range map[error]codes.Code{
		errors.New("connection reset"): codes.Unavailable,
		csi.ErrPending:                 codes.Aborted,
		csi.ErrFailed:                  codes.Internal,
		context.DeadlineExceeded:       codes.DeadlineExceeded,
	} {
		s.change(func(f *fake) { f.fail["CreateVolume"] = err })
		_, got := s.CreateVolume(s.ctx(), create("a"))
		assert.Equal(t, want, status.Code(got), "%v", err)
	}
}
