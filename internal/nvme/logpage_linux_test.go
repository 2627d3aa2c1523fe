package nvme

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLogPage_OfARealDisk, where there is one, as in the virtual machine: the page
// of its health is there, and one that it does not have is refused.
func TestLogPage_OfARealDisk(t *testing.T) {
	serials, err := Machine.Serials()
	require.NoError(t, err)
	if len(serials) == 0 || os.Geteuid() != 0 {
		t.Skip("needs root and an NVMe disk")
	}
	for disk := range serials {
		health, err := Machine.LogPage(disk, 0x02, 512)
		require.NoError(t, err, disk)
		kelvin := int(health[1]) | int(health[2])<<8
		require.Greater(t, kelvin, 200, "the composite temperature (NVMe base specification, SMART log)")
		if _, err := Machine.LogPage(disk, 0xD0, 4096); err != nil {
			require.ErrorIs(t, err, ErrRefused, "only EBS has it")
		}
	}
}

func TestLogPage_NoDisk(t *testing.T) {
	_, err := Machine.LogPage("null", 0xD0, 4096)
	require.Error(t, err, "/dev/null has no controller")
	require.False(t, errors.Is(err, ErrRefused), "there was nobody to refuse")
	_, err = Machine.LogPage("nvme99n99", 0xD0, 4096)
	require.ErrorIs(t, err, os.ErrNotExist)
}
