package csi

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

const tokensJSON = `{"vault":{"token":"eyJ0","expirationTimestamp":"2026-11-23T10:00:00Z"},"":{"token":"eyJ1","expirationTimestamp":"2026-11-23T11:00:00Z"}}`

func publishRequest() *csipb.NodePublishVolumeRequest {
	return &csipb.NodePublishVolumeRequest{
		VolumeId: "v",
		VolumeCapability: &csipb.VolumeCapability{
			AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER},
			AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{FsType: "xfs", MountFlags: []string{"noatime"}, VolumeMountGroup: "1000"}},
		},
		VolumeContext: map[string]string{
			"pool": "x", keyOrigin: originNew, formatPrefix + "blockSize": "1024", keyProvisioner: "1-2-3",
			keyPodName: "web-0", keyPodNamespace: "prod", keyPodUID: "u", keyServiceAccount: "web", keyEphemeral: "true", keyTokens: tokensJSON,
		},
		PublishContext: map[string]string{"device": "/dev/x"},
		Secrets:        map[string]string{"password": "hunter2"},
		Readonly:       true,
	}
}

func TestRuling37_COKeysBecomePod(t *testing.T) {
	v, c, err := publishedFromProto(publishRequest())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"pool": "x"}, v.Context)
	require.Equal(t, carried{Origin: originNew, Dynamic: true, Format: map[string]string{"blockSize": "1024"}}, c)
	require.True(t, v.Ephemeral)
	require.True(t, v.ReadOnly)
	require.Equal(t, Access{Mode: SingleNodeMultiWriter, FSType: "xfs", Group: "1000", Options: []Option{{Key: "noatime"}}}, v.Access)
	require.Equal(t, Secrets{"password": "hunter2"}, v.Secrets)
	require.Equal(t, "prod/web-0/u/web", strings.Join([]string{v.Pod.Namespace, v.Pod.Name, v.Pod.UID, v.Pod.ServiceAccount}, "/"))
	require.Equal(t, Secrets{"token": "eyJ0"}, v.Pod.Tokens["vault"].Value)
	require.Equal(t, time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC), v.Pod.Tokens[""].Expires)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", v, v.Pod, v.Pod.Tokens)+slog.AnyValue(v.Pod.Tokens["vault"].Value).Resolve().String(), "eyJ")
}

// TestRuling37_TokensInSecrets: serviceAccountTokenInSecrets moves them there.
func TestRuling37_TokensInSecrets(t *testing.T) {
	r := publishRequest()
	delete(r.VolumeContext, keyTokens)
	r.Secrets[keyTokens] = tokensJSON
	v, _, err := publishedFromProto(r)
	require.NoError(t, err)
	require.Equal(t, Secrets{"password": "hunter2"}, v.Secrets)
	require.Equal(t, Secrets{"token": "eyJ0"}, v.Pod.Tokens["vault"].Value)
}

func TestTokens_ErrorQuotesNothing(t *testing.T) {
	_, err := tokensFrom(`{"vault": "eyJ0`)
	require.ErrorIs(t, err, ErrInvalid)
	require.NotContains(t, err.Error(), "eyJ0")
	pod, err := podFrom(map[string]string{"pool": "x"}, nil)
	require.NoError(t, err)
	require.Nil(t, pod)
}

func TestRuling20_StaticAndDynamic(t *testing.T) {
	for _, test := range []struct {
		context map[string]string
		want    carried
	}{
		{nil, carried{}},
		{map[string]string{"pool": "x"}, carried{}},
		{map[string]string{keyProvisioner: "1-2-3"}, carried{Dynamic: true}},
		{carry(nil, originClone, nil), carried{Origin: originClone, Dynamic: true}},
	} {
		require.Equal(t, test.want, carriedFrom(test.context))
	}
}

func TestBackendKeys_LeavesTheArgumentAlone(t *testing.T) {
	in := map[string]string{"a": "1", keyOrigin: "new"}
	require.Equal(t, map[string]string{"a": "1"}, backendKeys(in))
	require.Len(t, in, 2)
	require.Nil(t, backendKeys(map[string]string{keyClaim: "x"}))
	context := map[string]string{"a": "1"}
	require.Len(t, carry(context, originNew, map[string]string{"k": "v"}), 3)
	require.Len(t, context, 1)
}

func TestAccess_BadMountFlag(t *testing.T) {
	r := publishRequest()
	r.VolumeCapability.GetMount().MountFlags = []string{"noatime", "=x"}
	_, _, err := publishedFromProto(r)
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorContains(t, err, "mount_flags[1]")
}

func TestRule26_UsageIsNeverNegative(t *testing.T) {
	usage := usageToProto(Usage{Bytes: Count{Total: 10, Used: 12, Available: -2}})
	require.Len(t, usage, 1, "no inodes")
	require.Zero(t, usage[0].GetAvailable())
	require.Len(t, usageToProto(Usage{Inodes: Count{Total: 1}}), 2)
}

func TestClip(t *testing.T) {
	require.Equal(t, "short", clip("short", 5))
	for n := 4; n < 20; n++ {
		require.LessOrEqual(t, len(clip("größe größe größe", n)), n)
		require.True(t, strings.HasSuffix(clip("größe größe größe", n), "..."))
	}
}

// TestRule32_TopologyNeedsItsCapability: a plugin that returns the field must
// advertise the capability.
func TestRule32_TopologyNeedsItsCapability(t *testing.T) {
	places := []Topology{{"zone": "a"}}
	flat, zonal := &features{}, &features{traits: Traits{TopologyKeys: []string{"zone"}, SnapshotTopology: true}}
	require.Empty(t, flat.volumeToProto(&Volume{Topology: places}, nil).GetAccessibleTopology())
	require.Empty(t, flat.snapshotToProto(&Snapshot{Topology: places}).GetAccessibleTopology())
	require.Len(t, zonal.volumeToProto(&Volume{Topology: places}, nil).GetAccessibleTopology(), 1)
	require.Len(t, zonal.snapshotToProto(&Snapshot{Topology: places}).GetAccessibleTopology(), 1)
}
