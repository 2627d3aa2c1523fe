package ec2test

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// A call may have so many filters, and each so many values (EC2 user guide,
// "List and filter your resources").
const (
	mostFilters      = 50
	mostFilterValues = 200
)

// A filter accepts a resource that has one of its values; * and ? stand for any
// characters and any one.
type filter struct {
	Name   string
	Values []string `ec2:"Value"`
}

func (f filter) accepts(values []string) bool {
	for _, v := range values {
		if slices.ContainsFunc(f.Values, func(pattern string) bool { return wildcard(pattern, v) }) {
			return true
		}
	}
	return false
}

// wildcard matches as EC2 does: a backslash makes the next character plain.
func wildcard(pattern, value string) bool {
	if !strings.ContainsAny(pattern, `*?\`) {
		return pattern == value
	}
	// In path.Match * stops at a slash and [ opens a class; EC2 knows neither.
	const noSlash = "\x00"
	pattern = strings.NewReplacer("/", noSlash, "[", `\[`).Replace(pattern)
	ok, err := path.Match(pattern, strings.ReplaceAll(value, "/", noSlash))
	return ok && err == nil
}

func checkFilters(filters []filter, known func(string) bool) error {
	if len(filters) > mostFilters {
		return errorf("FilterLimitExceeded", "The maximum number of filters on a single call is %d", mostFilters)
	}
	for _, f := range filters {
		if f.Name != "tag-key" && !strings.HasPrefix(f.Name, "tag:") && !known(f.Name) {
			return errorf("InvalidParameterValue", "The filter '%s' is invalid", f.Name)
		}
		if len(f.Values) > mostFilterValues {
			return errorf("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d", mostFilterValues)
		}
	}
	return nil
}

// tagValues are what the filters tag:Key and tag-key look at.
func tagValues(tags map[string]string, name string) []string {
	if name == "tag-key" {
		return slices.Sorted(maps.Keys(tags))
	}
	if value, ok := tags[strings.TrimPrefix(name, "tag:")]; ok {
		return []string{value}
	}
	return nil
}
