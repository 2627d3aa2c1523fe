package nvme

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAdmin_BufferIsNotOnAStack: stacks are moved, and the kernel writes to where
// it was told.
func TestAdmin_BufferIsNotOnAStack(t *testing.T) {
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	allocations := testing.AllocsPerRun(10, func() {
		data := make([]byte, identifyLength)
		_ = admin(f, adminCommand{opcode: opIdentify, cdw10: 1}, data)
	})
	require.NotZero(t, allocations)
}
