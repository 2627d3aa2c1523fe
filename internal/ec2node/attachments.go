package ec2node

//go:generate go run ./gentable

import (
	"strings"
	"sync"
)

// attachments are how many volumes an instance takes. Shared ones are shared
// with its network interfaces beyond the first.
type attachments struct {
	slots  int64
	shared bool
}

// defaultAttachments are those of a type that the table does not list, which
// most types are that share (Amazon EC2 User Guide, "Amazon EBS volume limits").
var defaultAttachments = attachments{27, true}

var attachmentsByType = sync.OnceValue(func() map[string]attachments {
	m := map[string]attachments{}
	for _, row := range attachmentTable {
		for name := range strings.FieldsSeq(row.types) {
			m[name] = row.attachments
		}
	}
	return m
})

// Attachments is how many volumes an instance of a type takes, its root among
// them, when it has so many network interfaces: in most types they share.
func Attachments(instanceType string, interfaces int) int64 {
	a, ok := attachmentsByType()[instanceType]
	if !ok {
		a = defaultAttachments
	}
	if a.shared {
		return a.slots - int64(max(interfaces, 1)-1) // the table counts the first one
	}
	return a.slots
}
