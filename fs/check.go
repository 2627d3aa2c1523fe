package fs

import "fmt"

// The bits of e2fsck's exit status (e2fsck(8)).
const (
	fsckCorrected = 1 << iota
	fsckReboot    // corrected, but look again
	fsckUncorrected
	fsckFailed
	fsckUsage
	fsckCanceled
	_
	fsckLibrary
)

var fsckMeanings = []struct {
	bit  int
	text string
}{
	{fsckReboot, "it was corrected but asks to be looked at again"},
	{fsckUncorrected, "errors are left uncorrected"},
	{fsckFailed, "e2fsck could not work"},
	{fsckUsage, "e2fsck was called wrongly"},
	{fsckCanceled, "e2fsck was cancelled"},
	{64, "unknown bit"},
	{fsckLibrary, "a shared library failed"},
}

// judgeFsck says what an exit status of e2fsck means (R11). It is a set of
// bits: 12 is errors left and a failure, 36 errors left or cancelled. Only
// "nothing" and "corrected" are good; with nothing but "look again" beside it,
// again is true.
func judgeFsck(code int) (again bool, err error) {
	if code&^fsckCorrected == 0 {
		return false, nil
	}
	text := ""
	for _, m := range fsckMeanings {
		if code&m.bit != 0 {
			text += ", " + m.text
		}
	}
	again = code&^(fsckCorrected|fsckReboot) == 0
	return again, fmt.Errorf("%w: e2fsck ended with exit status %d%s", ErrDamaged, code, text)
}
