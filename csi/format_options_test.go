package csi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The options of a class are judged when the volume is made.
func TestR15_FormatOptionsAreCheckedAtCreate(t *testing.T) {
	mounted := func(fstype string) []Access { return []Access{{Mode: SingleNodeWriter, FSType: fstype}} }
	raw := []Access{{Mode: SingleNodeWriter, Block: true}}
	for name, test := range map[string]struct {
		options map[string]string
		access  []Access
		bad     string // "" for good
	}{
		"none":                         {nil, mounted("nfs"), ""},
		"of ext4":                      {map[string]string{"blockSize": "4096"}, mounted("ext4"), ""},
		"of the default":               {map[string]string{"bytesPerInode": "8192"}, mounted(""), ""},
		"of another that may be":       {map[string]string{"nodeSize": "16k"}, mounted(""), ""},
		"of none":                      {map[string]string{"nodesize": "16k"}, mounted(""), "nodesize"},
		"of another":                   {map[string]string{"nodeSize": "16k"}, mounted("xfs"), "nodeSize"},
		"a value":                      {map[string]string{"blockSize": "4095"}, mounted("ext4"), "power of two"},
		"contradiction":                {map[string]string{"ext4ClusterSize": "64k"}, mounted("ext4"), "ext4BigAlloc"},
		"of a share":                   {map[string]string{"blockSize": "4096"}, mounted("nfs"), "nfs"},
		"unused for a raw device":      {map[string]string{"blockSize": "4096"}, raw, ""},
		"one of two accesses":          {map[string]string{"nodeSize": "16k"}, append(mounted("btrfs"), mounted("ext4")...), "nodeSize"},
		"encryption":                   {map[string]string{"encrypt": "luks2"}, mounted("xfs"), ""},
		"encryption of a raw device":   {map[string]string{"encrypt": "luks2", "luksDiscard": "true", "luksSectorSize": "4096"}, raw, ""},
		"encryption and mkfs":          {map[string]string{"encrypt": "luks2", "blockSize": "4096"}, mounted("ext4"), ""},
		"unknown encryption":           {map[string]string{"encrypt": "luks1"}, raw, "want luks2"},
		"empty encryption":             {map[string]string{"encrypt": ""}, raw, "want luks2"},
		"sector size":                  {map[string]string{"encrypt": "luks2", "luksSectorSize": "8192"}, raw, "8192"},
		"discard":                      {map[string]string{"encrypt": "luks2", "luksDiscard": "yes"}, raw, "true or false"},
		"discard without encryption":   {map[string]string{"luksDiscard": "true"}, raw, "needs fs.csikit.io/encrypt"},
		"injection through the volume": {map[string]string{"label": "a -F"}, mounted("ext4"), "label"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkFormat(test.options, test.access, "ext4")
			if test.bad == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrInvalid)
			require.ErrorContains(t, err, test.bad)
		})
	}
}
