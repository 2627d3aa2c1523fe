package cli

import (
	"flag"
	"fmt"
	"io"
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
	fmt.Fprintf(w, "%s: %s\n\nUsage: %s [--flag=value ...]\n\n", s.program.Name, s.program.Summary, s.program.Name)
	fmt.Fprintln(w, "The environment variable beside a flag sets it too; the command line wins.")
	for _, g := range s.groups {
		if len(g.names) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", g.title)
		for _, name := range g.names {
			printFlag(w, s.flags.Lookup(name))
		}
	}
}

func printFlag(w io.Writer, f *flag.Flag) {
	value, text := flag.UnquoteUsage(f)
	head := "--" + f.Name
	if value != "" {
		head += "=" + strings.ToUpper(value)
	}
	if f.DefValue != "" && f.DefValue != "false" {
		text += " (default " + strings.ToLower(f.DefValue) + ")"
	}
	fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-28s %s", head, envName(f.Name)), " "))
	fmt.Fprintf(w, "      %s\n", text)
}
