package mount

import (
	"slices"
	"strings"
)

// MissingContexts returns the SELinux contexts among the options that the mount
// does not have (R16). A file system has one context for all its mounts: one
// that is mounted for another pod's label does not serve this one.
func (i Info) MissingContexts(options []Option) (missing []string) {
	for _, o := range options {
		if isContext(o.Key) && !slices.ContainsFunc(i.Options, func(shown string) bool {
			key, value, _ := strings.Cut(shown, "=")
			return key == o.Key && unquote(value) == unquote(o.Value)
		}) {
			missing = append(missing, o.String())
		}
	}
	return missing
}
