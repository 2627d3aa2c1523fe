package ebs

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

func attachmentsOf(instanceType string) attachments {
	if a, ok := attachmentsByType()[instanceType]; ok {
		return a
	}
	return defaultAttachments
}
