package invariant

import (
	"fmt"
	"time"
)

// A Violation is an invariant that does not hold.
type Violation struct {
	// Invariant is what must hold, the same text for all its violations.
	Invariant string
	// Found is what was found instead.
	Found string
}

// String says both.
func (v Violation) String() string { return v.Found + " (invariant: " + v.Invariant + ")" }

func violated(invariant, format string, args ...any) []Violation {
	return []Violation{{Invariant: invariant, Found: fmt.Sprintf(format, args...)}}
}

// unknown is the violation of a check that could not be made: what cannot be
// looked at is not proven.
func unknown(invariant string, err error) []Violation {
	return violated(invariant, "it could not be checked: %v", err)
}

const onTime = "every RPC meets its deadline"

// slack is what an answer may take beyond the deadline to reach its caller on
// a loaded machine.
const slack = 2 * time.Second

// Late checks how long an RPC took with how long it was allowed.
func Late(rpc string, took, allowed time.Duration) []Violation {
	if took <= allowed+slack {
		return nil
	}
	return violated(onTime, "%s took %v, its deadline was %v", rpc, took, allowed)
}
