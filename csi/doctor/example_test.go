package doctor_test

import (
	"os"

	"github.com/csikit/csikit/csi/doctor"
)

// A program without package csi/cli examines its own driver with [doctor.Examine]
// and prints the report.
func ExampleReport_Write() {
	report := doctor.Report{
		{Check: "kernel", Found: "6.12: mounts by fsopen and move_mount"},
		{Check: "clock", Found: "not synchronised", Mend: "run chrony on the node", Verdict: doctor.Warning},
	}
	_ = report.Write(os.Stdout)
	// Output:
	// ok       kernel  6.12: mounts by fsopen and move_mount
	// warning  clock   not synchronised
	//
	// clock: not synchronised
	//     run chrony on the node
}
