package fs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestR11_ExitStatusIsBits(t *testing.T) {
	for code := range 256 {
		again, err := judgeFsck(code)
		if code == 0 || code == 1 {
			require.NoError(t, err)
			require.False(t, again)
			continue
		}
		require.ErrorIs(t, err, ErrDamaged, "exit status %d", code)
		require.Equal(t, code == 2 || code == 3, again, "exit status %d", code)
	}
	_, err := judgeFsck(12)
	require.ErrorContains(t, err, "errors are left uncorrected, e2fsck could not work")
	_, err = judgeFsck(36)
	require.ErrorContains(t, err, "errors are left uncorrected, e2fsck was cancelled")
	_, err = judgeFsck(-1)
	require.ErrorIs(t, err, ErrDamaged)
}
