package csi

import (
	"crypto/sha256"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// identityOf returns what two requests of one RPC have in common if and only if
// a retry of the one is the other: a digest of everything but secrets, tokens
// and what the kubelet says about the pod (contract ruling 11).
func identityOf(rpc string, req proto.Message) string {
	m := proto.Clone(req)
	forgetVolatile(m.ProtoReflect())
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return "" // not joined with anything
	}
	sum := sha256.Sum256(raw)
	return rpc + " " + string(sum[:])
}

// forgetVolatile clears what a retry may have changed.
func forgetVolatile(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case isSecret(fd):
			m.Clear(fd)
		case fd.IsMap():
			forgetPod(v.Map())
		}
		return true
	})
}

func forgetPod(m protoreflect.Map) {
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		if name := k.String(); strings.HasPrefix(name, coPrefix+"pod.") || strings.HasPrefix(name, coPrefix+"serviceAccount.") {
			m.Clear(k)
		}
		return true
	})
}

func isSecret(fd protoreflect.FieldDescriptor) bool {
	secret, _ := proto.GetExtension(fd.Options(), csipb.E_CsiSecret).(bool)
	return secret
}
