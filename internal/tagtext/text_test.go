package tagtext

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
)

type fields struct{ Name, Namespace string }

func TestTag(t *testing.T) {
	with := fields{Name: "data-db-0", Namespace: "Prod"}
	for _, c := range []struct{ text, key, value, says string }{
		{text: "a=b", key: "a", value: "b"},
		{text: "a=b=c", key: "a", value: "b=c"},
		{text: "a=", key: "a"},
		{text: "{{ .Namespace }}={{ .Name | toUpper }}", key: "Prod", value: "DATA-DB-0"},
		{text: "a={{ .Namespace | toLower }}", key: "a", value: "prod"},
		{text: `a={{ .Name | substring 5 7 }}`, key: "a", value: "db"},
		{text: `a={{ .Name | substring -1 99 }}`, key: "a", value: "data-db-0"},
		{text: `a={{ .Name | field "-" 1 }}`, key: "a", value: "db"},
		{text: `a={{ .Name | index "-" }}{{ .Name | lastIndex "-" }}`, key: "a", value: "47"},
		{text: `a={{ if .Name | contains "db" }}yes{{ end }}`, key: "a", value: "yes"},
		{text: `a={{ .Name | field "-" 3 }}`, says: "no field 3"},
		{text: `a={{ html .Name }}`, says: "disabled"},
		{text: `a={{ .Node }}`, says: "Node"},
		{text: "novalue", says: "key=value"},
		{text: "a={{ .Name", says: "a={{ .Name"},
		{text: "a={{ .Name | exec }}", says: "exec"},
	} {
		var key, value string
		parsed, err := Parse(c.text)
		if err == nil {
			key, value, err = parsed.Tag(with)
		}
		if c.says != "" {
			require.ErrorContains(t, err, c.says, c.text)
			continue
		}
		require.NoError(t, err, c.text)
		require.Equal(t, [2]string{c.key, c.value}, [2]string{key, value}, c.text)
	}
}

// TestTexts_FixedOnesAreCheckedAtOnce: what depends on fields is checked when
// these are known.
func TestTexts_FixedOnesAreCheckedAtOnce(t *testing.T) {
	errReserved := errors.New("reserved")
	check := func(key, _ string) error {
		if key == "aws" {
			return errReserved
		}
		return nil
	}
	var texts Texts
	require.NoError(t, texts.Add("a=b", check))
	require.NoError(t, texts.Add("a=c", check))
	require.NoError(t, texts.Add("{{ .Name }}=d", check))
	require.ErrorIs(t, (&Texts{}).Add("aws=b", check), errReserved)
	require.ErrorIs(t, (&Texts{}).Add("novalue", check), csi.ErrInvalid)
	require.ErrorIs(t, (&Texts{}).Add("a={{", check), csi.ErrInvalid)

	tags, err := texts.Tags(fields{Name: "data"}, check)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "c", "data": "d"}, tags)
	_, err = texts.Tags(fields{Name: "aws"}, check)
	require.ErrorIs(t, err, errReserved)
}
