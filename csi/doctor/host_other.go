//go:build !linux

package doctor

import "context"

// Only Linux has nodes.
var hostChecks = []check{func(context.Context, Target) []Finding {
	return []Finding{{"kernel", "not Linux", "volumes are used on Linux only", Failure}}
}}

func clock(context.Context, Target) []Finding { return nil }
