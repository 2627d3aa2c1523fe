package cli

import (
	"errors"
	"flag"
	"fmt"
	"strings"
)

// envName is the environment variable of a flag; "" for those that make sense
// on a command line only.
func envName(name string) string {
	switch name {
	case "endpoint":
		return "CSI_ENDPOINT" // the specification's name
	case "help", "version":
		return ""
	}
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// envPrefix keeps clear of CSI_, which the specification reserves.
const envPrefix = "X_CSI_"

// parse reads the command line, then the environment for what it leaves open.
// --help and --version need no sound environment.
func (s *settings) parse(args, environ []string) error {
	if err := s.flags.Parse(args); err != nil {
		return s.explain(err)
	}
	if rest := s.flags.Args(); len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q: every setting is a flag, such as --mode=node", rest[0])
	}
	if s.help || s.version {
		return nil
	}
	return s.parseEnviron(environ)
}

// parseEnviron sets the flags that the command line did not. A variable that
// has our prefix but belongs to no flag is an error: a misspelt setting must
// not be ignored in silence.
func (s *settings) parseEnviron(environ []string) error {
	byEnv := map[string]string{}
	s.flags.VisitAll(func(f *flag.Flag) { byEnv[envName(f.Name)] = f.Name })
	given := map[string]bool{}
	s.flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	delete(byEnv, "")
	for _, entry := range environ {
		env, value, _ := strings.Cut(entry, "=")
		name, known := byEnv[env]
		switch {
		case known && !given[name]:
			if err := s.flags.Set(name, value); err != nil {
				return fmt.Errorf("environment variable %s=%q (for --%s): %w", env, value, name, err)
			}
		case !known && strings.HasPrefix(env, envPrefix):
			return fmt.Errorf("environment variable %s belongs to no flag of this driver: unset or correct it", env)
		}
	}
	return nil
}

// explain turns an error of package flag into one that says what to do.
func (s *settings) explain(err error) error {
	if errors.Is(err, flag.ErrHelp) { // -h
		s.help = true
		return nil
	}
	const undefined = "flag provided but not defined: -"
	name, unknown := strings.CutPrefix(err.Error(), undefined)
	if !unknown {
		return errors.New(strings.Replace(err.Error(), " for flag -", " for --", 1))
	}
	if near := s.nearest(name); near != "" {
		return fmt.Errorf("there is no flag --%s; is it --%s?", name, near)
	}
	return fmt.Errorf("there is no flag --%s", name)
}

// nearest returns the flag that shares the longest beginning (at least three
// letters) with name, or "".
func (s *settings) nearest(name string) string {
	best, length := "", 2
	s.flags.VisitAll(func(f *flag.Flag) {
		if n := commonPrefix(f.Name, name); n > length {
			best, length = f.Name, n
		}
	})
	return best
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
