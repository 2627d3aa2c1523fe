package redact

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

const canary = "canary-in-the-coal-mine"

// withSecrets returns every message of the protocol that has, anywhere below
// it, a field marked as secret, with all of those fields set to the canary.
func withSecrets() map[protoreflect.FullName]proto.Message {
	out := map[protoreflect.FullName]proto.Message{}
	messages := csipb.File_csi_proto.Messages()
	for i := range messages.Len() {
		m := dynamicpb.NewMessage(messages.Get(i))
		if fill(m, 0) {
			out[messages.Get(i).FullName()] = m
		}
	}
	return out
}

// fill sets every secret field of m to the canary, and reports whether there
// is one.
func fill(m protoreflect.Message, depth int) (found bool) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case Secret(f):
			found = true
			setSecret(m, f)
		case f.Message() != nil && !f.IsMap() && depth < 5:
			child := m.NewField(f)
			if f.IsList() {
				if e := child.List().NewElement(); fill(e.Message(), depth+1) {
					child.List().Append(e)
					m.Set(f, child)
					found = true
				}
			} else if fill(child.Message(), depth+1) {
				m.Set(f, child)
				found = true
			}
		}
	}
	return found
}

func setSecret(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	value := protoreflect.ValueOfString(canary)
	switch {
	case f.IsMap():
		m.Mutable(f).Map().Set(protoreflect.ValueOfString("key").MapKey(), value)
	case f.IsList():
		m.Mutable(f).List().Append(value)
	default:
		m.Set(f, value)
	}
}

func TestEverySecretFieldIsHidden(t *testing.T) {
	messages := withSecrets()
	require.GreaterOrEqual(t, len(messages), 15, "the description of the protocol has that many requests with secrets")
	for name, m := range messages {
		require.Contains(t, fmt.Sprint(m), canary, name)
		for handler, text := range render(slog.Any("request", Message(m))) {
			assert.NotContains(t, text, canary, "%s by %s", name, handler)
			assert.Contains(t, text, Hidden, "%s by %s", name, handler)
		}
		assert.NotContains(t, fmt.Sprintf("%v %+v %s", Message(m), Message(m), Message(m)), canary, name)
		assert.Equal(t, "it said "+Hidden, Text("it said "+canary, m), name)
	}
}

func render(a slog.Attr) map[string]string {
	var text, json bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", a)
	slog.New(slog.NewJSONHandler(&json, nil)).Info("x", a)
	return map[string]string{"text": text.String(), "JSON": json.String()}
}

func TestRule39_TokensAndMountFlagsAreHidden(t *testing.T) {
	req := &csipb.NodePublishVolumeRequest{
		VolumeId:      "vol-1",
		VolumeContext: map[string]string{tokensKey: `{"aud":{"token":"` + canary + `"}}`, "share": "/export"},
		VolumeCapability: &csipb.VolumeCapability{AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{
			MountFlags: []string{"noatime", "user=joe,password=" + canary + ",vers=3"},
		}}},
	}
	for handler, text := range render(slog.Any("request", Message(req))) {
		assert.NotContains(t, text, canary, handler)
		assert.Contains(t, text, "user=joe,password="+Hidden, handler)
		assert.Contains(t, text, "/export", handler)
		assert.Contains(t, text, "noatime", handler)
	}
	assert.Equal(t, "bad token "+Hidden, Text("bad token "+canary, req))
	assert.Equal(t, "mount said "+Hidden, Text("mount said "+canary+",vers=3", req))
}

func TestMountFlag(t *testing.T) {
	for flag, want := range map[string]string{
		"ro":                            "ro",
		"vers=3,sec=sys":                "vers=3,sec=sys",
		"password=x":                    "password=" + Hidden,
		"user=a,PASS=b,c,d":             "user=a,PASS=" + Hidden,
		"context=u:r:t:s0:c1,c2,secret": "context=u:r:t:s0:c1,c2,secret",
		"a=b,ro,secret=x":               "a=b,ro,secret=" + Hidden,
	} {
		assert.Equal(t, want, MountFlag(flag))
	}
}

func TestMessageShowsWhatIsNotSecret(t *testing.T) {
	req := &csipb.CreateVolumeRequest{
		Name:               "pvc-1",
		CapacityRange:      &csipb.CapacityRange{RequiredBytes: 1 << 30},
		Parameters:         map[string]string{"b": "2", "a": "1"},
		Secrets:            map[string]string{"user": canary},
		VolumeCapabilities: []*csipb.VolumeCapability{{AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER}}},
	}
	text := render(slog.Any("request", Message(req)))["text"]
	for _, want := range []string{
		"request.name=pvc-1", "request.capacity_range.required_bytes=1073741824", "request.parameters.a=1 request.parameters.b=2",
		"request.secrets=" + Hidden, "request.volume_capabilities.0.access_mode.mode=SINGLE_NODE_WRITER",
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "user")
}

func TestLongValuesAreCut(t *testing.T) {
	req := &csipb.CreateVolumeRequest{Name: strings.Repeat("x", 5000)}
	assert.Less(t, len(render(slog.Any("r", Message(req)))["text"]), 1500)
	assert.Contains(t, render(slog.Any("r", Message(req)))["text"], "(5000 bytes)")
}

func TestNothingIsRenderedBelowTheLevel(t *testing.T) {
	log := slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil))
	m := Message(withSecrets()["csi.v1.CreateVolumeRequest"])
	assert.Zero(t, testing.AllocsPerRun(100, func() { log.Debug("x", "request", m) }))
}

func TestNilMessage(t *testing.T) {
	assert.NotPanics(t, func() { _ = Message(nil).LogValue() })
	assert.Equal(t, "x", Text("x", nil))
}
