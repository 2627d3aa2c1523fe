package csi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// TestRule3_SizesThatAFileSystemNeeds: rounded up if there is no limit, else
// out of range, before a volume is made that can never be mounted.
func TestRule3_SizesThatAFileSystemNeeds(t *testing.T) {
	const xfs, btrfs = 300 * mebi, 256 * mebi
	luks := map[string]string{"fs.csikit.io/encrypt": "luks2"}
	for name, test := range map[string]struct {
		access          *csipb.VolumeCapability
		parameters      map[string]string
		required, limit int64
		code            codes.Code
		size            int64
	}{
		"xfs":                  {mountAccess(csi.SingleNodeWriter, "xfs"), nil, mebi, 0, codes.OK, xfs},
		"xfs, only a limit":    {mountAccess(csi.SingleNodeWriter, "xfs"), nil, 0, 400 * mebi, codes.OK, xfs},
		"xfs, large limit":     {mountAccess(csi.SingleNodeWriter, "xfs"), nil, mebi, 400 * mebi, codes.OK, xfs},
		"xfs, small limit":     {mountAccess(csi.SingleNodeWriter, "xfs"), nil, mebi, 299 * mebi, codes.OutOfRange, 0},
		"xfs, large enough":    {mountAccess(csi.SingleNodeWriter, "xfs"), nil, 301 * mebi, 0, codes.OK, 301 * mebi},
		"xfs, encrypted":       {mountAccess(csi.SingleNodeWriter, "xfs"), luks, mebi, 0, codes.OK, xfs + 16*mebi},
		"btrfs":                {mountAccess(csi.SingleNodeWriter, "btrfs"), nil, mebi, 0, codes.OK, btrfs},
		"the default":          {mountAccess(csi.SingleNodeWriter, ""), nil, mebi, 0, codes.OK, mebi},
		"raw":                  {rawAccess(csi.SingleNodeWriter), nil, mebi, 0, codes.OK, mebi},
		"no such file system":  {mountAccess(csi.SingleNodeWriter, "ext5"), nil, mebi, 0, codes.InvalidArgument, 0},
		"one that none makes":  {mountAccess(csi.SingleNodeWriter, "ntfs"), nil, mebi, 0, codes.InvalidArgument, 0},
		"not for this library": {mountAccess(csi.SingleNodeWriter, "zfs"), nil, mebi, 2 * mebi, codes.InvalidArgument, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, newFake(), &csi.Options{Disable: []string{"AccessChecker"}})
			for range 2 { // the second time it exists
				r, err := s.CreateVolume(s.ctx(), create("v", sized(test.required, test.limit), func(r *csipb.CreateVolumeRequest) {
					r.VolumeCapabilities, r.Parameters = []*csipb.VolumeCapability{test.access}, test.parameters
				}))
				code(t, test.code, err)
				require.Equal(t, test.size, r.GetVolume().GetCapacityBytes())
			}
			require.Equal(t, test.code == codes.OK, s.fake.count("CreateVolume") > 0)
		})
	}
}

// TestRule3_SharesHaveNoLeastSize, whatever file system the class names.
func TestRule3_SharesHaveNoLeastSize(t *testing.T) {
	f := newFake()
	f.traits.Block = []csi.AccessMode{}
	s := serve(t, f, nil)
	for _, fstype := range []string{"xfs", "nfs"} {
		r, err := s.CreateVolume(s.ctx(), create(fstype, sized(mebi, mebi), func(r *csipb.CreateVolumeRequest) {
			r.VolumeCapabilities = []*csipb.VolumeCapability{mountAccess(csi.SingleNodeWriter, fstype)}
		}))
		require.NoError(t, err)
		require.EqualValues(t, mebi, r.GetVolume().GetCapacityBytes())
	}
}

// TestRule3_CopiesHaveTheirFileSystem already.
func TestRule3_CopiesHaveTheirFileSystem(t *testing.T) {
	s := serve(t, newFake(), nil)
	source := s.create(create("source"))
	r, err := s.CreateVolume(s.ctx(), create("clone", fromVolume(source.GetVolumeId()), func(r *csipb.CreateVolumeRequest) {
		r.VolumeCapabilities = []*csipb.VolumeCapability{mountAccess(csi.SingleNodeWriter, "xfs")}
	}))
	require.NoError(t, err)
	require.Equal(t, source.GetCapacityBytes(), r.GetVolume().GetCapacityBytes())
}
