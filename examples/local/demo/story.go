package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A chapter is a title and what happens below it, in order.
type chapter struct {
	title string
	steps []step
}

// A step is one thing that somebody asks for. do returns what is to be told, or
// an error if the outcome is not the expected one.
type step struct {
	who, what string
	do        func(context.Context) (string, error)
}

// A story prints chapters and steps.
type story struct {
	out     io.Writer
	colour  bool
	count   int // of steps
	number  int // of the chapter
	started time.Time
}

// newStory tells to f, in colours only if f is a terminal and the user has not
// set NO_COLOR.
func newStory(f *os.File) *story {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &story{out: f, colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", started: time.Now()}
}

const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	cyan  = "36"
)

func (s *story) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// chapter runs the steps of c until one fails.
func (s *story) chapter(ctx context.Context, c chapter) error {
	s.number++
	fmt.Fprintf(s.out, "\n%s\n", s.paint(bold, fmt.Sprintf("%d. %s", s.number, c.title)))
	for _, st := range c.steps {
		if err := s.step(ctx, st); err != nil {
			return fmt.Errorf("%s: %s: %w", st.who, st.what, err)
		}
	}
	return nil
}

// step runs st and prints who asked what, how long it took, and what happened.
func (s *story) step(ctx context.Context, st step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	begin := time.Now()
	happened, err := st.do(ctx)
	took := time.Since(begin)
	s.count++
	fmt.Fprintf(s.out, "  %s %-66s %s\n", s.paint(cyan, fmt.Sprintf("%-11s", st.who)), st.what, s.paint(faint, duration(took)))
	if err != nil {
		s.detail(red, "FAILED: "+err.Error())
		return err
	}
	s.detail(faint, happened)
	return nil
}

// detail prints the lines of text below a step, wrapped.
func (s *story) detail(colour, text string) {
	for line := range strings.Lines(text) {
		for _, part := range wrap(strings.TrimRight(line, "\n"), 90) {
			fmt.Fprintf(s.out, "  %-11s %s\n", "", s.paint(colour, part))
		}
	}
}

// wrap breaks a line between words where it is longer than width.
func wrap(line string, width int) []string {
	var parts []string
	for _, word := range strings.Split(line, " ") {
		last := len(parts) - 1
		if last >= 0 && len(parts[last])+1+len(word) <= width {
			parts[last] += " " + word
		} else {
			parts = append(parts, word)
		}
	}
	return parts
}

// log prints the end of a log, as it is.
func (s *story) log(text string) {
	if text != "" {
		fmt.Fprintf(s.out, "\nThe end of the driver's log:\n%s\n", s.paint(faint, text))
	}
}

// note prints a remark between steps.
func (s *story) note(text string) { s.detail(faint, text) }

// end prints the last line.
func (s *story) end(err error) {
	took := time.Since(s.started).Round(100 * time.Millisecond)
	if err != nil {
		fmt.Fprintf(s.out, "\n%s\n", s.paint(red, fmt.Sprintf("The demo failed after %d steps and %s: %v", s.count, took, err)))
		return
	}
	fmt.Fprintf(s.out, "\n%s\n", s.paint(green, fmt.Sprintf("All %d steps went as told, in %s. Nothing is left behind.", s.count, took)))
}

// duration prints d with three digits at most: "0.4 ms", "12 ms", "1.3 s".
func duration(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 10:
		return fmt.Sprintf("%6.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%6.0f ms", ms)
	}
	return fmt.Sprintf("%6.1f s", ms/1000)
}

// size prints bytes in binary units, as Kubernetes counts.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for ; f >= 1024 && i < len(units)-1; i++ {
		f /= 1024
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") + " " + units[i]
}
