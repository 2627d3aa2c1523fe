package redact

import (
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// minSecret is the length below which a value is not searched for in texts: it
// would hide "1" and "ext4" wherever they stand.
const minSecret = 5

// Text returns text without the secret values that m carries. It is for the
// message of an error, which may quote them.
func Text(text string, m proto.Message) string {
	if m == nil || text == "" {
		return text
	}
	for _, s := range values(m) {
		text = strings.ReplaceAll(text, s, Hidden)
	}
	return text
}

// values returns the secret values within m, the longest first, so that one
// that is a part of another leaves nothing of it.
func values(m proto.Message) []string {
	var out []string
	collect(m.ProtoReflect(), func(s string) {
		if len(s) >= minSecret {
			out = append(out, s)
		}
	})
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return out
}

// collect gives every secret string within m to add.
func collect(m protoreflect.Message, add func(string)) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch secret := Secret(f); {
		case f.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				if secretKey(k.String()) {
					collectTokens(v.String(), add)
				}
				single(f.MapValue(), v, secret || secretKey(k.String()), add)
				return true
			})
		case f.IsList():
			for i := range v.List().Len() {
				single(f, v.List().Get(i), secret, add)
			}
		default:
			single(f, v, secret, add)
		}
		return true
	})
}

func single(f protoreflect.FieldDescriptor, v protoreflect.Value, secret bool, add func(string)) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		collect(v.Message(), add)
	case protoreflect.StringKind:
		if s := v.String(); secret {
			add(s)
		} else if f.Name() == mountFlags {
			if shown := MountFlag(s); strings.HasSuffix(shown, Hidden) {
				add(s[min(len(shown)-len(Hidden), len(s)):])
			}
		}
	}
}

// collectTokens gives the tokens within the kubelet's JSON to add.
func collectTokens(text string, add func(string)) {
	var tokens map[string]struct{ Token string }
	if json.Unmarshal([]byte(text), &tokens) != nil {
		return
	}
	for _, t := range tokens {
		add(t.Token)
	}
}
