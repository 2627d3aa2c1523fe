package kind_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheScriptsPassShellcheck(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("needs shellcheck: apt-get install shellcheck")
	}
	out, err := exec.CommandContext(t.Context(), shellcheck, "kind.sh", "../images/build.sh", "../../internal/e2e/local-cluster.sh").CombinedOutput()
	require.NoError(t, err, string(out))
}

// A dry run goes through every command and starts none.
func TestDryRuns(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	for _, c := range []struct {
		script, word string
		says         []string
	}{
		{"./kind.sh", "up", []string{"+ kind create cluster", "+ kind load docker-image csikit-local:dev", "driver.yaml", "--enable-distributed-snapshotting=true"}},
		{"./kind.sh", "demo", []string{"examples/local/deploy/samples.yaml"}},
		{"./kind.sh", "down", []string{"+ kind delete cluster --name csikit"}},
		{"../images/build.sh", "archive", []string{"+ debootstrap", "-entrypoint /driver -file /driver=build/local", "docker.io/library/csikit-ec2test:dev"}},
	} {
		cmd := exec.CommandContext(t.Context(), bash, c.script, c.word, "local", "ebs/ec2test")
		cmd.Env = append(os.Environ(), "DRY=1", "ROOTFS=")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		for _, s := range c.says {
			assert.Contains(t, string(out), s)
		}
	}
}
