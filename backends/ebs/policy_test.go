package ebs

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPolicyAllowsWhatTheCodeCalls compares three lists: the actions of the
// policy, the table of APIs, and the calls in the source.
func TestPolicyAllowsWhatTheCodeCalls(t *testing.T) {
	text, err := os.ReadFile("policy.json")
	require.NoError(t, err)
	var policy struct{ Statement []struct{ Action any } }
	require.NoError(t, json.Unmarshal(text, &policy))
	allowed := map[string]bool{}
	for _, s := range policy.Statement {
		switch a := s.Action.(type) {
		case string:
			allowed[strings.TrimPrefix(a, "ec2:")] = true
		case []any:
			for _, one := range a {
				allowed[strings.TrimPrefix(one.(string), "ec2:")] = true
			}
		}
	}
	called := map[string]bool{}
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		source, err := os.ReadFile(e.Name())
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`b\.ec2\.(\w+)\(ctx,|ec2\.New(\w+)Paginator\(b\.ec2,`).FindAllStringSubmatch(string(source), -1) {
			called[m[1]+m[2]] = true
		}
	}
	var want []string
	for _, row := range apis {
		want = append(want, strings.Fields(row.Names)...)
	}
	slices.Sort(want)
	require.Equal(t, want, slices.Sorted(maps.Keys(allowed)), "policy.json and the table of APIs")
	require.Equal(t, want, slices.Sorted(maps.Keys(called)), "the calls in the source and the table of APIs")
}
