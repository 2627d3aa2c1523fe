package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/deploy"
)

func poolProgram() Program {
	var pool string
	return Program{
		Name: "pool.csi.example.com", Summary: "volumes in a pool", Flags: poolFlag(&pool),
		Backend: func(_ context.Context, c Config) (csi.Locator, error) {
			if pool == "" || !c.DescribeOnly {
				return nil, errors.New("no pool: set --pool")
			}
			return nothing{new(bool)}, nil
		},
		Kubernetes: deploy.Hints{Image: "pool:v1", Args: []string{"--pool=/usual"}, PathFlags: []string{"pool"}},
	}
}

func runManifests(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	code = poolProgram().Run(t.Context(), append([]string{"manifests"}, args...), []string{"X_CSI_POOL=/of/this/machine"}, &b, &b)
	return code, b.String()
}

func TestManifestsPassTheDriversFlagsOn(t *testing.T) {
	code, out := runManifests(t, "--pool=/data", "--image=other:v2", "--log-level=debug", "--format-static", "--kubelet-dir=/opt/kubelet", "--namespace=here")
	require.Zero(t, code, out)
	for _, want := range []string{"- --pool=/data\n", "path: /data\n", "image: other:v2\n", "- --log-level=debug\n", "- --format-static=true\n",
		"unix:///opt/kubelet/plugins/pool.csi.example.com/csi.sock", "namespace: here\n"} {
		assert.Contains(t, out, want)
	}
	assert.NotContains(t, out, "/of/this/machine", "the environment of the machine is not that of the cluster")

	code, out = runManifests(t)
	require.Zero(t, code, out)
	assert.Contains(t, out, "path: /usual\n")
	assert.Contains(t, out, "image: pool:v1\n")
}

func TestManifestsRefuseWhatTheySetThemselves(t *testing.T) {
	for says, args := range map[string][]string{
		"--mode cannot be chosen":      {"--mode=node"},
		"want one of plain, kustomize": {"--form=json"},
		"want NAME=VERSION":            {"--sidecar=csi-resizer"},
		"there is no flag --imag":      {"--imag=x"},
		`unexpected argument "more"`:   {"more"},
		"no pool":                      {"--pool="},
	} {
		code, out := runManifests(t, args...)
		assert.Equal(t, exitConfig, code)
		assert.Contains(t, out, says)
	}
}

func TestManifestsAreWrittenIntoADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chart")
	code, out := runManifests(t, "--form=helm", "--into="+dir)
	require.Zero(t, code, out)
	assert.Empty(t, out)
	for _, name := range []string{"Chart.yaml", "values.yaml", "templates/driver.yaml"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.NotZero(t, info.Size())
	}
}

func TestHelpOfCommands(t *testing.T) {
	code, out := runManifests(t, "--help")
	require.Zero(t, code, out)
	assert.Contains(t, out, "--namespace")
	assert.NotContains(t, out, "X_CSI_", "a command reads no environment")
	p := Program{Name: "d", Flags: func(*flag.FlagSet) {}}
	var b bytes.Buffer
	require.Zero(t, p.Run(t.Context(), []string{"--help"}, nil, &b, &b))
	assert.Contains(t, b.String(), "d manifests")
}
