package houserules

import (
	"strconv"
	"strings"
	"testing"
)

// An importRule forbids imports in some folders.
type importRule struct {
	in     []string // these folders and those below
	except []string // but not these
	files  func(name string) bool
	never  []string // import paths, and all below them
	reason string
	tests  bool // applies to tests too
}

const (
	grpcPath = "google.golang.org/grpc"
	specPath = "github.com/container-storage-interface/spec"
)

func contractFile(name string) bool { return contractFiles[name] }

// contractFiles are the files that a driver author reads: types and interfaces.
var contractFiles = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`access attacher backend capacity cloner ephemeral errors expander
		formatrecorder health lister modifier nodedescriber nodevolume populator prober releaser secrets size
		snapshotter source topology traits usage volume`) {
		m["csi/"+n+".go"] = true
	}
	return m
}()

var importRules = []importRule{
	{in: []string{"backends"}, never: []string{grpcPath, specPath},
		reason: "a backend speaks plain Go: protobuf types stop at csi/proto_*.go"},
	{in: []string{"mount", "fs"}, never: []string{grpcPath, specPath, module + "/csi", module + "/backends"}, tests: true,
		reason: "imports point one way: examples, backends, csi, then mount and fs"},
	{in: []string{"mount"}, never: []string{module + "/fs"}, tests: true, reason: "mount and fs do not know each other"},
	{in: []string{"fs"}, never: []string{module + "/mount"}, tests: true, reason: "mount and fs do not know each other"},
	{in: []string{"csi"}, never: []string{module + "/backends", module + "/examples"}, tests: true,
		reason: "imports point one way: examples, backends, csi"},
	{in: []string{"csi"}, files: contractFile, never: []string{grpcPath, specPath},
		reason: "the contract is plain Go: protobuf types stop at csi/proto_*.go"},
	{in: []string{"csi"}, except: []string{"csi/cli", "csi/deploy", "csi/metrics", "csi/tracing", "csi/csitest"},
		never:  []string{"github.com/prometheus", "go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/contrib", "k8s.io/client-go", "k8s.io/api"},
		reason: "csi stays light: what needs these is a package of its own"},
	{in: []string{"."}, never: []string{"github.com/moby/sys/mount"}, tests: true,
		reason: "its option parser drops what it does not know; package mount makes mounts"},
	{in: []string{"."}, never: []string{"github.com/pkg/errors", "io/ioutil", "github.com/golang/protobuf"}, tests: true,
		reason: "replaced by the standard library or google.golang.org/protobuf"},
}

func TestImportsPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range importRules {
				if r.applies(s) && r.forbids(path) {
					t.Errorf("%s: must not import %s: %s", s.at(spec), path, r.reason)
				}
			}
		}
	}
}

func (r importRule) applies(s source) bool {
	switch {
	case r.in[0] != "." && !s.in(r.in...), s.in(r.except...), s.test && !r.tests:
		return false
	}
	return r.files == nil || r.files(s.path)
}

func (r importRule) forbids(path string) bool {
	for _, n := range r.never {
		if path == n || strings.HasPrefix(path, n+"/") {
			return true
		}
	}
	return false
}

// TestImportRuleMatching guards the guard: a rule that matches nothing would
// pass for ever.
func TestImportRuleMatching(t *testing.T) {
	r := importRule{in: []string{"fs"}, never: []string{module + "/mount"}}
	for path, want := range map[string]bool{
		module + "/mount": true, module + "/mount/mounttest": true, module + "/mountain": false, "k8s.io/mount-utils": false,
	} {
		if got := r.forbids(path); got != want {
			t.Errorf("forbids(%q) = %v, want %v", path, got, want)
		}
	}
	if !r.applies(source{dir: "fs"}) || !r.applies(source{dir: "fs/x"}) || r.applies(source{dir: "fsx"}) || r.applies(source{dir: "fs", test: true}) {
		t.Error("the folders of a rule are matched wrongly")
	}
}
