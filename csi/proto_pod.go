package csi

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// podFrom reads the pod from the keys that the kubelet adds to volume_context
// if the CSIDriver object says podInfoOnMount; nil if there are none. Tokens
// come in volume_context or, with serviceAccountTokenInSecrets, in secrets.
func podFrom(context, secrets map[string]string) (*Pod, error) {
	p := Pod{
		Namespace:      context[keyPodNamespace],
		Name:           context[keyPodName],
		UID:            context[keyPodUID],
		ServiceAccount: context[keyServiceAccount],
	}
	raw := secrets[keyTokens]
	if raw == "" {
		raw = context[keyTokens]
	}
	tokens, err := tokensFrom(raw)
	if err != nil {
		return nil, err
	}
	p.Tokens = tokens
	if p.Namespace+p.Name+p.UID+p.ServiceAccount == "" && tokens == nil {
		return nil, nil
	}
	return &p, nil
}

// tokensFrom decodes the kubelet's JSON of tokens by audience. Its error never
// quotes the input.
func tokensFrom(raw string) (map[string]Token, error) {
	if raw == "" {
		return nil, nil
	}
	var decoded map[string]struct {
		Token               string    `json:"token"`
		ExpirationTimestamp time.Time `json:"expirationTimestamp"`
	}
	if json.Unmarshal([]byte(raw), &decoded) != nil {
		return nil, errors.Join(ErrInvalid, fmt.Errorf("%s: found %d bytes that are not the kubelet's JSON of tokens by audience", keyTokens, len(raw)))
	}
	out := make(map[string]Token, len(decoded))
	for audience, t := range decoded {
		out[audience] = Token{Value: Secrets{"token": t.Token}, Expires: t.ExpirationTimestamp}
	}
	return out, nil
}
