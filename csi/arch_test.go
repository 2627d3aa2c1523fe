package csi

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	module  = "github.com/csikit/csikit/"
	specPkg = "github.com/container-storage-interface/spec"
	grpcPkg = "google.golang.org/grpc"
)

// convertsProto are the files of package csi that may know the spec's types;
// all others are the contract, or must work without the wire.
var convertsProto = []string{
	"proto_*.go", "controller*.go", "snapshot_*.go", "group_*.go", "node.go", "node_*.go", "identity*.go", "validate*.go",
	"interceptor*.go", "capability.go", "request_identity.go", "driver.go",
}

// knowsGRPC may import grpc as well.
var knowsGRPC = append([]string{"code.go", "options.go", "request_id.go", "serve.go", "endpoint*.go"}, convertsProto...)

// A source is a file of the module that is no test.
type source struct {
	dir, name string // dir is relative to the module: csi/internal/keyop
	imports   []string
}

func (s source) within(dir string) bool { return s.dir == dir || strings.HasPrefix(s.dir, dir+"/") }

func (s source) named(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, s.name); return ok })
}

// importsAny returns an import at or below one of the paths, or "".
func (s source) importsAny(paths ...string) string {
	for _, i := range s.imports {
		for _, p := range paths {
			if i == p || strings.HasPrefix(i, p+"/") {
				return i
			}
		}
	}
	return ""
}

func sources(t *testing.T) (out []source) {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		s := source{dir: filepath.ToSlash(filepath.Dir(rel)), name: e.Name()}
		for _, i := range f.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			s.imports = append(s.imports, p)
		}
		out = append(out, s)
		return err
	}))
	return out
}

func TestImportsPointOneWay(t *testing.T) {
	forbidden := []struct {
		dir   string
		paths []string
	}{
		{"mount", []string{specPkg, grpcPkg, module + "fs", module + "csi", module + "backends", module + "examples"}},
		{"fs", []string{specPkg, grpcPkg, module + "mount", module + "csi", module + "backends", module + "examples"}},
		{"backends", []string{specPkg, grpcPkg, module + "examples"}},
		{"csi", []string{module + "backends", module + "examples"}},
		{"internal", []string{module + "csi", module + "mount", module + "fs", module + "backends", module + "examples"}},
	}
	// What serves backends stands above the contract, as they do.
	above := []string{"internal/awscall", "internal/classparam", "internal/tagtext"}
	for _, s := range sources(t) {
		for _, f := range forbidden {
			if s.within(f.dir) && !slices.ContainsFunc(above, s.within) {
				assert.Empty(t, s.importsAny(f.paths...), "%s/%s imports it", s.dir, s.name)
			}
		}
	}
}

func TestContractFilesDoNotKnowTheWire(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir != "csi" {
			continue
		}
		if !s.named(convertsProto) {
			assert.Empty(t, s.importsAny(specPkg), "%s imports it", s.name)
		}
		if !s.named(knowsGRPC) {
			assert.Empty(t, s.importsAny(grpcPkg), "%s imports it", s.name)
		}
	}
}

func TestPackageCSIStaysLight(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	heavy := []string{
		"github.com/prometheus/", "go.opentelemetry.io/", "k8s.io/client-go/", "k8s.io/api/", "k8s.io/apimachinery/",
		"github.com/aws/", "github.com/stretchr/", "github.com/onsi/", "github.com/kubernetes-csi/", module + "csi/csitest", module + "csi/cli",
	}
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		for _, h := range heavy {
			assert.False(t, strings.HasPrefix(dep+"/", h), "package csi depends on %s", dep)
		}
	}
}
