package sanity

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"
	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"github.com/csikit/csikit/csi/csitest"
)

// Config is the configuration of csi-sanity.
type Config = sanity.TestConfig

// A Result counts the specs of csi-sanity.
type Result struct {
	Passed, Failed, Skipped int
	// Reasons counts the skipped specs by their reason.
	Reasons map[string]int
}

// String says it in one line.
func (r Result) String() string {
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		reasons = append(reasons, fmt.Sprintf("%d× %s", r.Reasons[reason], reason))
	}
	return fmt.Sprintf("csi-sanity: %d passed, %d failed, %d skipped (%s)", r.Passed, r.Failed, r.Skipped, strings.Join(reasons, "; "))
}

// Run runs csi-sanity against a driver of the harness, on a unix socket, and
// fails the test if a spec fails. The counts are in the test's log. Each edit
// may change the configuration that is made of the harness.
//
// Its framework is global: Run may be called once in a test binary.
func Run(t *testing.T, h csitest.Harness, edit ...func(*Config)) Result {
	t.Helper()
	return RunAt(t, csitest.Endpoint(t, h.NewDriver(t)), h, edit...)
}

// RunAt is [Run] for a driver that serves already, at an endpoint such as
// unix:///path: of the harness it takes only what the requests have in them.
// Run and RunAt count as one: either may be called once in a test binary.
func RunAt(t *testing.T, endpoint string, h csitest.Harness, edit ...func(*Config)) Result {
	t.Helper()
	config := configOf(t, h)
	config.Address = endpoint
	for _, e := range edit {
		e(&config)
	}
	suite := sanity.GinkgoTest(&config)
	defer suite.Finalize()
	gomega.RegisterFailHandler(ginkgo.Fail)
	var result Result
	ginkgo.ReportAfterSuite("count", func(r ginkgo.Report) { result = count(t, r) })
	options, reporter := ginkgo.GinkgoConfiguration()
	reporter.Succinct, reporter.NoColor = true, true
	ginkgo.RunSpecs(t, "csi-sanity", options, reporter)
	t.Log(result)
	return result
}

// configOf turns a harness into the configuration of csi-sanity.
func configOf(t *testing.T, h csitest.Harness) Config {
	config := sanity.NewTestConfig()
	dir := t.TempDir()
	config.TargetPath = filepath.Join(dir, "target")
	config.StagingPath = filepath.Join(dir, "staging")
	config.TestVolumeSize = cmp.Or(h.Size, 16<<20)
	config.TestVolumeExpandSize = 2 * config.TestVolumeSize
	config.TestVolumeParameters = h.Parameters
	config.TestSnapshotParameters = h.SnapshotParameters
	config.TestVolumeMutableParameters = h.Mutable
	if len(h.Secrets) > 0 {
		config.SecretsFile = secretsFile(t, h.Secrets)
	}
	return config
}

// secretsFile writes the same secrets for every RPC; JSON is YAML.
func secretsFile(t *testing.T, secrets map[string]string) string {
	all := map[string]map[string]string{}
	for _, rpc := range []string{
		"CreateVolume", "DeleteVolume", "ControllerPublishVolume", "ControllerUnpublishVolume", "ControllerValidateVolumeCapabilities",
		"NodeStageVolume", "NodePublishVolume", "CreateSnapshot", "DeleteSnapshot", "ControllerExpandVolume", "ControllerModifyVolume",
		"ListSnapshots", "GetSnapshot",
	} {
		all[rpc+"Secret"] = secrets
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "secrets.yaml")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// count counts the specs, and logs those that failed.
func count(t *testing.T, report ginkgo.Report) Result {
	r := Result{Reasons: map[string]int{}}
	for _, spec := range report.SpecReports {
		switch {
		case !spec.LeafNodeType.Is(types.NodeTypeIt):
		case spec.State.Is(types.SpecStatePassed):
			r.Passed++
		case spec.State.Is(types.SpecStateSkipped | types.SpecStatePending):
			r.Skipped++
			r.Reasons[cmp.Or(spec.Failure.Message, "disabled by csi-test itself")]++
		default:
			r.Failed++
			t.Errorf("%s: %s\n%s", spec.FullText(), spec.Failure.Message, spec.Failure.Location)
		}
	}
	return r
}
