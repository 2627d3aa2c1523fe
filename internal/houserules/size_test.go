package houserules

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

const (
	longestFile     = 300
	longestFunction = 80
)

func TestFilesAndFunctionsFitAScreen(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTestFile() || ast.IsGenerated(s.file) {
			continue
		}
		if n := strings.Count(s.text, "\n"); n > longestFile {
			t.Errorf("%s has %d lines, at most %d: split it by idea", s.path, n, longestFile)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > longestFunction {
				t.Errorf("%s: %s has %d lines, at most %d", s.at(f), f.Name.Name, n, longestFunction)
			}
		}
	}
}

func TestNoPackageIsNamedAfterNothing(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "misc"}
	for _, s := range sources(t) {
		base := strings.TrimSuffix(path.Base(s.path), ".go")
		if slices.Contains(empty, base) || slices.Contains(empty, path.Base(s.dir)) {
			t.Errorf("%s: name it after its idea", s.path)
		}
	}
}
