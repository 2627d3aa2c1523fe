package doctor

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/csikit/csikit/csi"
)

// A Verdict is how bad a finding is.
type Verdict int8

// The verdicts. A warning is for what some volumes need, or what is slower or
// less safe than it could be; a failure is for what no volume works without.
const (
	OK Verdict = iota
	Warning
	Failure
)

// String is the word in the table.
func (v Verdict) String() string { return [...]string{"ok", "warning", "FAILED"}[v] }

// A Finding is the result of one check. Mend says what to do and is empty for
// what is OK.
type Finding struct {
	Check, Found, Mend string
	Verdict            Verdict
}

// A Report is everything that was found.
type Report []Finding

// A Target is what is to be looked at. The paths are as this process sees them.
type Target struct {
	// Driver is asked what it can do and how it is. Required.
	Driver *csi.Driver
	// Node says that volumes are to be used here, and not only managed.
	Node bool
	// StateDir is the driver's.
	StateDir string
	// KubeletDir is the kubelet's directory, "" if there is no kubelet.
	KubeletDir string
}

// patience bounds each check that may wait for something.
const patience = 15 * time.Second

// A check looks at one thing; it may have nothing to say.
type check func(context.Context, Target) []Finding

// Examine runs all checks that suit the target. It returns early if ctx ends.
func Examine(ctx context.Context, t Target) Report {
	checks := []check{clock, storage}
	if t.Node {
		checks = slices.Concat(hostChecks, []check{tools, stateDir, kubeletDir, registered}, checks)
	}
	var r Report
	for _, c := range checks {
		if ctx.Err() != nil {
			return append(r, Finding{"doctor", "stopped: " + context.Cause(ctx).Error(), "run it again", Failure})
		}
		limited, cancel := context.WithTimeout(ctx, patience)
		r = append(r, c(limited, t)...)
		cancel()
	}
	return r
}

// Failed reports whether there is a failure; warnings are none.
func (r Report) Failed() bool {
	return slices.ContainsFunc(r, func(f Finding) bool { return f.Verdict == Failure })
}

// Write writes a table, and below it what to do.
func (r Report) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range r {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Verdict, f.Check, f.Found)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, f := range r {
		if f.Mend == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "\n%s: %s\n    %s\n", f.Check, f.Found, f.Mend); err != nil {
			return err
		}
	}
	return nil
}

// storage asks the backend.
func storage(ctx context.Context, t Target) []Finding {
	if err := t.Driver.Probe(ctx); err != nil {
		return []Finding{{"storage", err.Error(), "the message says what is missing; Probe and /healthz answer the same", Failure}}
	}
	return []Finding{{Check: "storage", Found: "the backend is ready"}}
}
