package ec2test_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

func metadata(t *testing.T, client *imds.Client, path string) (string, error) {
	out, err := client.GetMetadata(t.Context(), &imds.GetMetadataInput{Path: path})
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(out.Content)
	require.NoError(t, err)
	return string(text), out.Content.Close()
}

// TestMetadataOfAnInstance asks with the SDK's client all that a driver asks.
func TestMetadataOfAnInstance(t *testing.T) {
	r := newRegion(t, ec2test.Options{Instances: []ec2test.Instance{{ID: "i-0123456789abcdef0", Interfaces: 2, DataVolumes: 2}}})
	client := imds.New(imds.Options{Endpoint: r.URL()})
	document, err := client.GetInstanceIdentityDocument(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "i-0123456789abcdef0", document.InstanceID)
	require.Equal(t, "m5.large", document.InstanceType)
	require.Equal(t, "us-east-1a", document.AvailabilityZone)
	require.Equal(t, "us-east-1", document.Region)
	require.Equal(t, "123456789012", document.AccountID)
	for path, want := range map[string]string{
		"instance-id": "i-0123456789abcdef0", "instance-type": "m5.large", "placement/availability-zone": "us-east-1a",
		"placement/region": "us-east-1", "block-device-mapping": "ami\nebs1\nebs2\nroot",
	} {
		got, err := metadata(t, client, path)
		require.NoError(t, err, path)
		require.Equal(t, want, got, path)
	}
	macs, err := metadata(t, client, "network/interfaces/macs/")
	require.NoError(t, err)
	require.Len(t, strings.Fields(macs), 2)
	_, err = metadata(t, client, "outpost-arn")
	var status interface{ HTTPStatusCode() int }
	require.ErrorAs(t, err, &status)
	require.Equal(t, http.StatusNotFound, status.HTTPStatusCode())
}

// TestMetadataNeedsASession: version 1 is off.
func TestMetadataNeedsASession(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	for _, token := range []string{"", "made-up"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+"/latest/meta-data/instance-id", nil)
		require.NoError(t, err)
		request.Header.Set("X-aws-ec2-metadata-token", token)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusUnauthorized, answer.StatusCode, token)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestEachNodeHasItsOwnMetadata: nodes of a cluster share an address, and are
// launched when they ask first.
func TestEachNodeHasItsOwnMetadata(t *testing.T) {
	r := newRegion(t, ec2test.Options{Instances: []ec2test.Instance{}, Launch: &ec2test.Instance{Type: "c5.large", Zone: "us-east-1b"}})
	ids := map[string]bool{}
	for _, node := range []string{"worker-1", "worker-2", "worker-1"} {
		client := imds.New(imds.Options{Endpoint: strings.Replace(r.URL(), "//", "//"+node+"@", 1)})
		id, err := metadata(t, client, "instance-id")
		require.NoError(t, err)
		ids[id] = true
		zone, err := metadata(t, client, "placement/availability-zone")
		require.NoError(t, err)
		require.Equal(t, "us-east-1b", zone)
	}
	require.Len(t, ids, 2)
	require.Len(t, r.Instances(), 2)
	_, err := metadata(t, imds.New(imds.Options{Endpoint: strings.Replace(r.URL(), "//", "//Not%20a%20node@", 1)}), "instance-id")
	require.Error(t, err)
	_, err = metadata(t, imds.New(imds.Options{Endpoint: r.URL()}), "instance-id")
	require.NoError(t, err, "the first one answers without a name")
}
