package mount

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// MissingContexts returns the SELinux contexts among the options that the mount
// does not have (R16), as messages show them: each with what it has instead. A
// file system has one context for all its mounts: one that is mounted for
// another pod's label does not serve this one.
//
// Contexts are the same if they mean the same: the kernel sorts the categories
// of a level, so that it shows s0:c26,c5 as s0:c5,c26. The alias of a type is
// not known here: that a mount shows another type is a difference.
func (i Info) MissingContexts(options []Option) (missing []string) {
	for _, o := range options {
		if !isContext(o.Key) {
			continue
		}
		has := i.context(o.Key)
		switch {
		case has == "":
			missing = append(missing, o.String())
		case !sameContext(has, unquote(o.Value)):
			missing = append(missing, o.String()+" (it is "+has+")")
		}
	}
	return missing
}

// context returns the value of an option of SELinux that the mount has, or "".
func (i Info) context(key string) string {
	for _, shown := range i.Options {
		if k, value, _ := strings.Cut(shown, "="); k == key {
			return unquote(value)
		}
	}
	return ""
}

func hasContexts(options []Option) bool {
	return slices.ContainsFunc(options, func(o Option) bool { return isContext(o.Key) })
}

// sameContext compares two contexts, USER:ROLE:TYPE and, in most policies, a
// level LOW or LOW-HIGH.
func sameContext(a, b string) bool {
	as, bs := strings.SplitN(a, ":", 4), strings.SplitN(b, ":", 4)
	if len(as) < 4 || len(bs) < 4 {
		return a == b
	}
	aLow, aHigh := levels(as[3])
	bLow, bHigh := levels(bs[3])
	return slices.Equal(as[:3], bs[:3]) && sameLevel(aLow, bLow) && sameLevel(aHigh, bHigh)
}

func levels(s string) (low, high string) {
	low, high, found := strings.Cut(s, "-")
	if !found {
		return low, low
	}
	return low, high
}

// sameLevel compares two levels, SENSITIVITY or SENSITIVITY:CATEGORIES.
func sameLevel(a, b string) bool {
	aSensitivity, a, _ := strings.Cut(a, ":")
	bSensitivity, b, _ := strings.Cut(b, ":")
	return aSensitivity == bSensitivity && maps.Equal(categories(a), categories(b))
}

// categories reads a set of categories such as c0.c3,c7. What is no number stays
// as it is.
func categories(s string) map[string]bool {
	set := map[string]bool{}
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, ".")
		from, fromErr := categoryNumber(first)
		to, toErr := categoryNumber(last)
		if !isRange || fromErr != nil || toErr != nil {
			set[part] = true
			continue
		}
		for n := from; n <= to; n++ {
			set["c"+strconv.FormatUint(n, 10)] = true
		}
	}
	return set
}

// categoryNumber takes what a policy can have: the kernel's limit is below 2^16.
func categoryNumber(s string) (uint64, error) {
	return strconv.ParseUint(strings.TrimPrefix(s, "c"), 10, 16)
}
