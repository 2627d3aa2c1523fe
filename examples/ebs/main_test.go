package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/examples/internal/shipped"
)

// TestHelp: the flags are there, and nothing is started.
func TestHelp(t *testing.T) {
	var out, log bytes.Buffer
	require.Zero(t, program().Run(t.Context(), []string{"--help"}, nil, &out, &log), log.String())
	require.Contains(t, out.String(), "--metadata-sources")
}

func TestConfiguration_MistakesNameTheirFlag(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	endpoint := "--endpoint=unix://" + filepath.Join(t.TempDir(), "csi.sock")
	for flags, says := range map[string]string{
		"--emulate=here": "absolute path", "--emulate=/none --mode=node": "leave --mode away", "--emulate=/none --emulate-speed=-1": "--emulate-speed",
		"--ec2test=somewhere": "--ec2test", "--extra-tags=a": "--extra-tags", "--extra-tags=CSIVolumeName=x": "reserved", "--metadata-sources=tea": "--metadata-sources",
	} {
		var out, log bytes.Buffer
		require.Equal(t, 2, program().Run(context.Background(), append(strings.Fields(flags), endpoint), nil, &out, &log), flags)
		require.Contains(t, log.String(), says)
	}
}

// TestManifests: they are printed on any machine, without an account or a
// region, and without asking a metadata service that is not there.
func TestManifests(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
	for _, args := range [][]string{{"manifests"}, {"manifests", "--emulate=/none"}} {
		var out, log bytes.Buffer
		require.Zero(t, program().Run(t.Context(), args, nil, &out, &log), log.String())
		require.Contains(t, out.String(), "name: ebs.csi.aws.com")
		require.Contains(t, out.String(), "attachRequired: true")
		require.Contains(t, out.String(), "key: access_key")
	}
}

func TestTheManifestsAreWhatTheDriverPrints(t *testing.T) { shipped.Check(t, program) }
