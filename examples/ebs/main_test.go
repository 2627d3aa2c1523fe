package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/cli"
	"github.com/csikit/csikit/examples/internal/shipped"
)

// TestHelp: the flags are there, and nothing is started.
func TestHelp(t *testing.T) {
	var out, log bytes.Buffer
	require.Zero(t, program().Run(t.Context(), []string{"--help"}, nil, &out, &log), log.String())
	for _, flag := range []string{"--metadata-sources", "--node-name", "--remove-startup-taint", "--nvme-statistics"} {
		require.Contains(t, out.String(), flag)
	}
}

// TestCollectors: only a node has disks, and only who asks has their statistics.
func TestCollectors(t *testing.T) {
	backend, err := newBackend(ebs.Options{})
	require.NoError(t, err)
	defer backend.(io.Closer).Close()
	for _, c := range []struct {
		on       bool
		services csi.Services
		want     int
	}{{false, csi.NodeService, 0}, {true, csi.ControllerService, 0}, {true, csi.NodeService, 1}, {true, csi.AllServices, 1}} {
		s := settings{statistics: c.on}
		require.Len(t, s.collectors(cli.Config{Services: c.services}, backend), c.want)
	}
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
