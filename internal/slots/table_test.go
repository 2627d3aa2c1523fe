package slots

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func table(n int) *Table {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("slot", i))
	}
	return New(names, 10*time.Minute)
}

func TestTable_NeverTwice(t *testing.T) {
	d, taken := table(100), map[string]bool{}
	require.Empty(t, d.Take("m", "7"), "nothing is known of the machine")
	d.Seen("m", []string{"slot0", "other"}, time.Now())
	for i := range 99 {
		name := d.Take("m", fmt.Sprint(i))
		require.False(t, taken[name], name)
		taken[name] = true
	}
	require.False(t, taken["slot0"], "the mapping shows it")
	require.Empty(t, d.Take("m", "one more"))
	require.Equal(t, d.Take("m", "7"), d.Take("m", "7"), "a retry gets its name")
	d.Settle("m", "7", time.Hour)
	require.Empty(t, d.Take("m", "one more"), "a name is refused: the mapping is not as it was")
	d.Seen("m", []string{"slot0"}, time.Now())
	require.Empty(t, d.Take("m", "one more"), "a doubtful name is not used")
	d.Settle("m", "8", 0)
	require.NotEmpty(t, d.Take("m", "one more"))
}

// TestTable_NamesComeBack: what somebody else has detached, and what was doubtful.
func TestTable_NamesComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := table(2)
		d.Seen("m", nil, time.Now())
		require.Equal(t, "slot0", d.Take("m", "a"))
		require.Equal(t, "slot1", d.Take("m", "b"))
		d.Settle("m", "b", time.Hour)
		time.Sleep(11 * time.Minute)
		require.Empty(t, d.Take("m", "c"), "the mapping is old")
		d.Seen("m", nil, time.Now())
		require.Equal(t, "slot0", d.Take("m", "c"))
		time.Sleep(time.Hour)
		d.Seen("m", []string{"slot0"}, time.Now())
		require.Equal(t, "slot1", d.Take("m", "d"))
	})
}
