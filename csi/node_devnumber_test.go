package csi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMajorMinor(t *testing.T) {
	for number, want := range map[uint64]string{
		0x0810:     "8:16",
		0x700:      "7:0",
		0x10000302: "3:65538", // the minor's upper bits are above the major's lower ones
		0x10304:    "259:4",
		0x2b:       "0:43",
	} {
		require.Equal(t, want, majorMinor(number))
	}
	require.True(t, anonymous(0x2b))
	require.False(t, anonymous(0x0810))
	require.False(t, anonymous(0x1000_0000_0010), "a major above 4095")
}
