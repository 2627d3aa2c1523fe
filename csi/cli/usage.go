package cli

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// A group is a title and the flags below it in the usage text.
type group struct {
	title string
	names []string
}

// group runs add and notes the flags that it adds.
func (s *settings) group(title string, add func()) {
	before := map[string]bool{}
	s.flags.VisitAll(func(f *flag.Flag) { before[f.Name] = true })
	add()
	g := group{title: title}
	s.flags.VisitAll(func(f *flag.Flag) {
		if !before[f.Name] {
			g.names = append(g.names, f.Name)
		}
	})
	s.groups = append(s.groups, g)
}

// usage prints all flags, by group.
func (s *settings) usage(w io.Writer) {
	if s.command != "" {
		fmt.Fprintf(w, "%s %s: %s\n\nUsage: %s %s [--flag=value ...]\n", s.program.Name, s.command, commands()[s.command].summary, s.program.Name, s.command)
	} else {
		s.usageOfServing(w)
	}
	for _, g := range s.groups {
		if len(g.names) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", g.title)
		for _, name := range g.names {
			s.printFlag(w, s.flags.Lookup(name))
		}
	}
}

func (s *settings) usageOfServing(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n\nUsage: %s [--flag=value ...]\n", s.program.Name, s.program.Summary, s.program.Name)
	for _, name := range slices.Sorted(maps.Keys(commands())) {
		fmt.Fprintf(w, "       %s %-10s %s: --help\n", s.program.Name, name, commands()[name].summary)
	}
	fmt.Fprintln(w, "\nThe environment variable beside a flag sets it too; the command line wins.")
}

func (s *settings) printFlag(w io.Writer, f *flag.Flag) {
	env := envName(f.Name)
	if s.command != "" {
		env = "" // commands read no environment
	}
	value, text := flag.UnquoteUsage(f)
	head := "--" + f.Name
	if value != "" {
		head += "=" + strings.ToUpper(value)
	}
	if f.DefValue != "" && f.DefValue != "false" {
		text += " (default " + strings.ToLower(f.DefValue) + ")"
	}
	fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-28s %s", head, env), " "))
	fmt.Fprintf(w, "      %s\n", text)
}
