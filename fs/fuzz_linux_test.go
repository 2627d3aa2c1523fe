package fs

import (
	"strings"
	"testing"
)

// FuzzMaker: a mapping is the volume's if the kernel's UUID ends with its name
// and says that it was made by LUKS2, and not if it only resembles that.
func FuzzMaker(f *testing.F) {
	l := LUKS{UUID: ours.String()}
	for _, s := range []string{"CRYPT-LUKS2-" + strings.Repeat("0", 32) + "-" + l.name(), "CRYPT-LUKS1-x-" + l.name(), l.forming(), "CRYPT-LUKS2-", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		header, name, _ := strings.Cut(strings.TrimPrefix(text, "CRYPT-LUKS2-"), "-"+l.name())
		if l.owns(text) && (!strings.HasPrefix(text, "CRYPT-LUKS2-") || len(header) != 32 || name != "" && name != "-forming") {
			t.Fatalf("%q", text)
		}
	})
}
