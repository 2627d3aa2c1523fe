package houserules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// module is the import path of the repository's root.
const module = "github.com/csikit/csikit"

// A source is one parsed Go file of the repository.
type source struct {
	path string // from the root, with slashes
	dir  string // its folder, "." for the root
	test bool   // a _test.go file, or of a package that only tests use
	file *ast.File
	text string
	fset *token.FileSet
}

// at tells where a node is.
func (s source) at(n ast.Node) string {
	p := s.fset.Position(n.Pos())
	p.Filename = s.path
	return p.String()
}

// in reports whether the file is one of the paths or below one of them.
func (s source) in(paths ...string) bool {
	for _, p := range paths {
		if s.path == p || s.dir == p || strings.HasPrefix(s.dir, p+"/") {
			return true
		}
	}
	return false
}

func (s source) isTestFile() bool { return strings.HasSuffix(s.path, "_test.go") }

// testDirs are packages that only tests import.
var testDirs = []string{"examples/internal/shipped", "csi/csitest", "mount/mounttest", "internal/looptest", "internal/houserules", "internal/kubeapi/apitest"}

var parsed = sync.OnceValues(func() ([]source, error) {
	const root = "../.."
	var all []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		s, err := parse(root, path)
		all = append(all, s)
		return err
	})
	return all, err
})

func parse(root, path string) (source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.ToSlash(rel), text: string(text), fset: token.NewFileSet()}
	s.dir = filepath.ToSlash(filepath.Dir(rel))
	s.test = s.isTestFile() || s.in(testDirs...)
	s.file, err = parser.ParseFile(s.fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	return s, err
}

// sources returns all Go files of the repository.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
