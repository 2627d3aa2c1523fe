package doctor

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheHostIsLookedAt(t *testing.T) {
	var r Report
	for _, c := range hostChecks {
		r = append(r, c(t.Context(), Target{})...)
	}
	for _, check := range []string{"privileges", "kernel", "file systems", "devices"} {
		assert.NotEqual(t, "nothing", find(r, check).Found, check)
	}
	if os.Geteuid() != 0 {
		assert.Equal(t, Failure, find(r, "privileges").Verdict, "an ordinary user mounts nothing")
	}
	assert.Len(t, clock(t.Context(), Target{}), 1)
}
