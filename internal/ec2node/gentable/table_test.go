package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

const shipped = "../attachments_gen.go"

// TestTheTableIsAsGenerated: what is shipped is what this program writes.
func TestTheTableIsAsGenerated(t *testing.T) {
	text, err := os.ReadFile(shipped)
	require.NoError(t, err)
	table, err := parse(string(text))
	require.NoError(t, err)
	require.Greater(t, len(table), 500)
	_, body, _ := strings.Cut(string(text), "\npackage ec2node")
	require.Equal(t, "\npackage ec2node"+body, table.body())
}

// TestGenerate, against an EC2 with new types, old ones, and one that has changed.
func TestGenerate(t *testing.T) {
	s := ec2test.NewServer(t, ec2test.Options{InstanceTypes: []ec2test.InstanceType{
		{Name: "z9.large", Nitro: true, MaxVolumes: 77},
		{Name: "z9.small", Nitro: true, MaxVolumes: 27, Shared: true},
		{Name: "z1.large", MaxVolumes: 40, Shared: true},
		{Name: "m7i.large", Nitro: true, MaxVolumes: 64},
		{Name: "m8g.metal-48xl", Nitro: true, MaxVolumes: 79, Shared: true},
		{Name: "c8gn.metal-24xl", Nitro: true, MaxVolumes: 39, Shared: true},
	}})
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_EC2": s.URL(), "AWS_ACCESS_KEY_ID": "ec2test", "AWS_SECRET_ACCESS_KEY": "ec2test"} {
		t.Setenv(name, value)
	}
	text, err := os.ReadFile(shipped)
	require.NoError(t, err)
	before, err := parse(string(text))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "table.go")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	require.NoError(t, run(t.Context(), file, []string{"us-east-1"}))
	first, err := os.ReadFile(file)
	require.NoError(t, err)
	after, err := parse(string(first))
	require.NoError(t, err)

	require.Equal(t, limit{77, false}, after["z9.large"], "new")
	require.NotContains(t, after, "z9.small", "as most are")
	require.Equal(t, ofXen, after["z1.large"], "the API says otherwise of Xen")
	require.Equal(t, limit{64, false}, after["m7i.large"], "changed")
	require.Equal(t, limit{39, false}, after["c8gn.metal-24xl"], "not shared, whatever the API says")
	for name, l := range before {
		if name != "m7i.large" && name != "m8g.metal-48xl" {
			require.Equal(t, l, after[name], name)
		}
	}
	require.NoError(t, run(t.Context(), file, []string{"us-east-1"}))
	second, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(first), string(second))
}

func TestParse_RefusesWhatIsNoTable(t *testing.T) {
	_, err := parse("package ec2node")
	require.ErrorContains(t, err, "no table")
	_, err = parse("{attachments{1, true}, `a`},{attachments{2, true}, `a`}")
	require.ErrorContains(t, err, "twice")
}
