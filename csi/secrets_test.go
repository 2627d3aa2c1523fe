package csi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSecretsRedactThemselves(t *testing.T) {
	s := Secrets{"passphrase": "canary"}
	nested := struct{ Ref VolumeRef }{VolumeRef{ID: "v", Secrets: s}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T %v"} {
		for _, value := range []any{s, &s, nested, &nested, []Secrets{s}} {
			text := fmt.Sprintf(verb, value, value)
			assert.NotContains(t, text, "canary", verb)
			assert.NotContains(t, text, "63616e617279", verb)
			assert.NotContains(t, text, "passphrase", verb)
		}
	}
	raw, err := json.Marshal(nested)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "canary")
	var text, js bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&js, nil)} {
		slog.New(h).Info("x", "secrets", s, "nested", nested, "any", slog.AnyValue(nested.Ref))
	}
	assert.NotContains(t, text.String()+js.String(), "canary")
	assert.Contains(t, text.String(), redacted)
}
