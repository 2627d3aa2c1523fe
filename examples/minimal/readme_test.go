package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeShowsThisDriver keeps the README's driver the one that compiles,
// and short.
func TestReadmeShowsThisDriver(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```go\n")
	block, _, found := strings.Cut(rest, "```\n")
	if !found || block != string(code) {
		t.Error("the first go block of README.md is not examples/minimal/main.go: copy it")
	}
	if n := strings.Count(string(code), "\n"); n >= 60 {
		t.Errorf("main.go has %d lines, the README promises less than 60", n)
	}
}
