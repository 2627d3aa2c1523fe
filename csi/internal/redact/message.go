package redact

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Hidden stands for what was removed.
const Hidden = "***"

// maxString and maxItems bound what of one string and one list or map is shown.
const (
	maxString = 1024
	maxItems  = 64
)

// Message wraps a message for a log line: slog.Any("request", Message(m)).
func Message(m proto.Message) slog.LogValuer { return message{m} }

type message struct{ m proto.Message }

// LogValue implements [slog.LogValuer].
func (v message) LogValue() slog.Value {
	if v.m == nil {
		return slog.GroupValue()
	}
	return messageValue(v.m.ProtoReflect())
}

// String is for handlers that do not resolve values.
func (v message) String() string { return v.LogValue().String() }

// messageValue shows the fields that are set, in the order of the description.
func messageValue(m protoreflect.Message) slog.Value {
	fields := m.Descriptor().Fields()
	var attrs []slog.Attr
	for i := range fields.Len() {
		if f := fields.Get(i); m.Has(f) {
			attrs = append(attrs, slog.Attr{Key: string(f.Name()), Value: fieldValue(f, m.Get(f))})
		}
	}
	return slog.GroupValue(attrs...)
}

func fieldValue(f protoreflect.FieldDescriptor, v protoreflect.Value) slog.Value {
	switch {
	case Secret(f):
		return slog.StringValue(Hidden)
	case f.IsMap():
		return mapValue(f, v.Map())
	case f.IsList():
		return listValue(f, v.List())
	default:
		return singleValue(f, v)
	}
}

func mapValue(f protoreflect.FieldDescriptor, m protoreflect.Map) slog.Value {
	attrs := make([]slog.Attr, 0, min(m.Len(), maxItems))
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		a := slog.Attr{Key: k.String()}
		if a.Value = singleValue(f.MapValue(), v); secretKey(k.String()) {
			a.Value = slog.StringValue(Hidden)
		}
		attrs = append(attrs, a)
		return len(attrs) < maxItems
	})
	slices.SortFunc(attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	return slog.GroupValue(attrs...)
}

func listValue(f protoreflect.FieldDescriptor, l protoreflect.List) slog.Value {
	attrs := make([]slog.Attr, 0, min(l.Len(), maxItems))
	for i := range min(l.Len(), maxItems) {
		attrs = append(attrs, slog.Attr{Key: strconv.Itoa(i), Value: singleValue(f, l.Get(i))})
	}
	return slog.GroupValue(attrs...)
}

func singleValue(f protoreflect.FieldDescriptor, v protoreflect.Value) slog.Value {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return messageValue(v.Message())
	case protoreflect.EnumKind:
		return enumValue(f.Enum(), v.Enum())
	case protoreflect.BytesKind:
		return slog.StringValue(fmt.Sprintf("%d bytes", len(v.Bytes())))
	case protoreflect.StringKind:
		if f.Name() == mountFlags {
			return slog.StringValue(MountFlag(v.String()))
		}
		return slog.StringValue(shorten(v.String()))
	default:
		return slog.AnyValue(v.Interface())
	}
}

func enumValue(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) slog.Value {
	if v := e.Values().ByNumber(n); v != nil {
		return slog.StringValue(string(v.Name()))
	}
	return slog.Int64Value(int64(n))
}

func shorten(s string) string {
	if len(s) <= maxString {
		return s
	}
	return strings.ToValidUTF8(s[:maxString], "") + fmt.Sprintf("... (%d bytes)", len(s))
}
