// Package houserules holds the rules of this repository that no linter knows,
// as tests: which package may import which, which calls are banned and why,
// how long a file and a function may be, and that every exported name has a
// comment. It has no code of its own. Run it with
//
//	go test ./internal/houserules
//
// A failure names the file, the line, the rule and its reason.
package houserules
