package speccheck

import (
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// A plan is what there is to check in messages of one type.
type plan struct {
	fields  []field
	oneofs  []protoreflect.OneofDescriptor
	special func(proto.Message) *Violation
}

// A field is one field and how to check its value when it is set.
type field struct {
	protoreflect.FieldDescriptor
	name     string
	required string // what is wanted when it is not set; "" if it is optional
	check    func(protoreflect.Value) *Violation
	sub      *plan // of a message, or of the elements of a list of messages
}

// plans are the plans of all messages of the specification, derived once.
var plans = sync.OnceValue(func() map[protoreflect.FullName]*plan {
	out := map[protoreflect.FullName]*plan{}
	derive(out, csipb.File_csi_proto.Messages())
	return out
})

func derive(out map[protoreflect.FullName]*plan, messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		m := messages.Get(i)
		if m.IsMapEntry() {
			continue
		}
		derivePlan(out, m)
		derive(out, m.Messages())
	}
}

// derivePlan returns the plan of m. A plan is entered before its fields are,
// so that types may refer to each other.
func derivePlan(out map[protoreflect.FullName]*plan, m protoreflect.MessageDescriptor) *plan {
	if p, ok := out[m.FullName()]; ok {
		return p
	}
	p := &plan{special: special[m.FullName()]}
	out[m.FullName()] = p
	for i := range m.Oneofs().Len() {
		p.oneofs = append(p.oneofs, m.Oneofs().Get(i))
	}
	for i := range m.Fields().Len() {
		if f := deriveField(out, m.Fields().Get(i)); f.check != nil || f.sub != nil || f.required != "" {
			p.fields = append(p.fields, f)
		}
	}
	return p
}

func deriveField(out map[protoreflect.FullName]*plan, fd protoreflect.FieldDescriptor) field {
	f := field{FieldDescriptor: fd, name: string(fd.Name()), check: checkOf(fd)}
	if isRequired(fd) {
		f.required = wanted(fd)
	}
	if fd.Message() != nil && !fd.IsMap() && fd.Message().ParentFile() == csipb.File_csi_proto {
		f.sub = derivePlan(out, fd.Message())
	}
	return f
}
