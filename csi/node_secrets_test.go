package csi

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRuling25_NoSecretIsWrittenDown: not those of the request, nor the pod's
// tokens, nor the value of a secret option; and the request keeps them all.
func TestRuling25_NoSecretIsWrittenDown(t *testing.T) {
	v := NodeVolume{
		ID: "v", Secrets: Secrets{"password": "hunter2"},
		Access: Access{Options: []Option{{Key: "token", Value: "hunter2", Secret: true}, {Key: "vers", Value: "4.1"}}},
		Pod:    &Pod{Name: "pod", Tokens: map[string]Token{"aud": {Value: Secrets{"token": "hunter2"}}}},
	}
	for _, record := range []any{volumeRecord{Volume: recordVolume(v)}, targetRecord{Volume: recordVolume(v)}} {
		text, err := json.Marshal(record)
		require.NoError(t, err)
		require.NotContains(t, string(text), "hunter2")
		require.Contains(t, string(text), `"4.1"`)
		require.NotContains(t, string(text), "redacted", "it is not there, not only hidden")
	}
	back := recordVolume(v).nodeVolume()
	require.Nil(t, back.Secrets)
	require.Nil(t, back.Pod.Tokens)
	require.Equal(t, "hunter2", v.Access.Options[0].Value)
	require.Contains(t, v.Pod.Tokens, "aud")
}
