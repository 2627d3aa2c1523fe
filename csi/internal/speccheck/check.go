package speccheck

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Check returns the first violation in a message of the CSI specification, or
// nil. Messages of other packages have none. It is safe for concurrent use.
func Check(m proto.Message) error {
	r := m.ProtoReflect()
	p := plans()[r.Descriptor().FullName()]
	if p == nil {
		return nil
	}
	if v := p.check(r); v != nil {
		return v
	}
	return nil
}

func (p *plan) check(m protoreflect.Message) *Violation {
	for i := range p.fields {
		f := &p.fields[i]
		if !m.Has(f.FieldDescriptor) {
			if f.required != "" {
				return wrong("nothing", f.required).in(f.name)
			}
			continue
		}
		if v := f.checkValue(m.Get(f.FieldDescriptor)); v != nil {
			return v
		}
	}
	for _, o := range p.oneofs {
		if m.WhichOneof(o) == nil {
			return wrong("nothing", "one of "+alternatives(o)).in(string(o.Name()))
		}
	}
	if p.special != nil {
		return p.special(m.Interface())
	}
	return nil
}

// checkValue checks a field that is set.
func (f *field) checkValue(value protoreflect.Value) *Violation {
	if f.check != nil {
		if v := f.check(value); v != nil {
			return v.in(f.name)
		}
	}
	switch {
	case f.sub == nil:
		return nil
	case f.IsList():
		list := value.List()
		for i := range list.Len() {
			if v := f.sub.check(list.Get(i).Message()); v != nil {
				return v.in(element(f.name, i))
			}
		}
		return nil
	}
	return f.sub.check(value.Message()).in(f.name)
}

func alternatives(o protoreflect.OneofDescriptor) string {
	var out string
	for i := range o.Fields().Len() {
		if i > 0 {
			out += ", "
		}
		out += string(o.Fields().Get(i).Name())
	}
	return out
}
