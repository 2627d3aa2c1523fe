package houserules

import (
	"go/ast"
	"path"
	"strconv"
	"testing"
)

// A ban forbids a function outside of tests.
type ban struct {
	pkg, name string   // import path and function
	in        []string // these folders; none means everywhere
	except    []string
	reason    string
}

// mayExec may start child processes: the runner itself, a guard that has to
// outlive its parent, and programs that are no part of a driver.
var mayExec = []string{"internal/proc", "internal/freeze", "examples"}

var bans = []ban{
	{pkg: "os", name: "RemoveAll", in: []string{"mount", "fs", "csi", "backends", "internal"},
		reason: "R8: below a mount that was not recognised it deletes a user's data; remove what is known, one by one"},
	{pkg: "time", name: "Sleep", reason: "wait for a state or for ctx, never for time to pass"},
	{pkg: "log", name: "Print", reason: "log with the *slog.Logger given"},
	{pkg: "log", name: "Printf", reason: "log with the *slog.Logger given"},
	{pkg: "log", name: "Fatal", reason: "return an error; only main ends the process"},
	{pkg: "log", name: "Fatalf", reason: "return an error; only main ends the process"},
	{pkg: "os/exec", name: "Command", except: mayExec,
		reason: "child processes are run by internal/proc: killed as a group, always reaped"},
	{pkg: "os/exec", name: "CommandContext", except: mayExec,
		reason: "child processes are run by internal/proc: killed as a group, always reaped"},
}

func TestBannedCalls(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		names := importNames(s.file)
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok {
				for _, b := range bans {
					if b.pkg == names[x.Name] && b.name == sel.Sel.Name && b.applies(s) {
						t.Errorf("%s: %s.%s is banned here: %s", s.at(sel), b.pkg, b.name, b.reason)
					}
				}
			}
			return true
		})
	}
}

func (b ban) applies(s source) bool {
	return (len(b.in) == 0 || s.in(b.in...)) && !s.in(b.except...)
}

// importNames maps the names under which a file knows packages to their paths.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}
