package redact

import (
	"strings"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// mountFlags is the field of mount options; the specification says that it may
// hold sensitive information, and does not mark it.
const mountFlags protoreflect.Name = "mount_flags"

// tokensKey is where the kubelet puts service account tokens. It is part of a
// map that is not secret as a whole.
const tokensKey = "csi.storage.k8s.io/serviceAccount.tokens"

// Secret reports whether the protocol's description marks a field as secret.
func Secret(f protoreflect.FieldDescriptor) bool {
	if f.Options() == nil {
		return false
	}
	secret, _ := proto.GetExtension(f.Options(), csipb.E_CsiSecret).(bool)
	return secret
}

func secretKey(key string) bool { return strings.EqualFold(key, tokensKey) }

// sensitive are words that the name of an option with a secret value contains.
var sensitive = [...]string{"pass", "secret", "token", "credential", "pwd", "apikey", "api_key", "access_key", "accesskey", "privatekey", "private_key"}

// SensitiveOption reports whether the value of a mount option is secret, by the
// option's name: password, pass, secret, token and their like.
func SensitiveOption(name string) bool {
	name = strings.ToLower(name)
	for _, word := range sensitive {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// MountFlag shows a mount flag. A flag can be a list of options: everything
// behind the first sensitive one's name is hidden, since its value may
// contain commas.
func MountFlag(flag string) string {
	for from := 0; ; {
		name, _, found := strings.Cut(flag[from:], "=")
		if !found {
			return shorten(flag)
		}
		value := from + len(name) + 1
		if SensitiveOption(name[strings.LastIndexByte(name, ',')+1:]) {
			return shorten(flag[:value]) + Hidden
		}
		comma := strings.IndexByte(flag[value:], ',')
		if comma < 0 {
			return shorten(flag)
		}
		from = value + comma + 1
	}
}
