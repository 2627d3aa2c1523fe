package speccheck

import (
	"fmt"
	"strconv"
)

// A Violation is one field that breaks a rule. It never quotes a secret or a
// mount flag.
type Violation struct {
	// Field is the path of the field, such as
	// "volume_capabilities[0].access_mode.mode".
	Field string
	// Found and Allowed complete the sentence "found …, want …".
	Found, Allowed string
	// Range says that a size range is impossible: the code is OUT_OF_RANGE
	// instead of INVALID_ARGUMENT (spec, CreateVolume errors).
	Range bool
}

// Error implements error.
func (v *Violation) Error() string {
	return fmt.Sprintf("%s: found %s, want %s", v.Field, v.Found, v.Allowed)
}

// in prefixes the field with the field or element that holds it.
func (v *Violation) in(parent string) *Violation {
	if v == nil {
		return nil
	}
	if v.Field == "" {
		v.Field = parent
	} else {
		v.Field = parent + "." + v.Field
	}
	return v
}

func wrong(found, allowed string) *Violation { return &Violation{Found: found, Allowed: allowed} }

func bytes(n int) string { return strconv.Itoa(n) + " bytes" }

func element(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }
