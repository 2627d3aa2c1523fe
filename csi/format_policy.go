package csi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/csikit/csikit/fs"
)

// formatFacts is all that the decision to format depends on.
type formatFacts struct {
	ID      string
	Content fs.Content
	// Asked is the file system that the CO or the backend names, "" if
	// neither does; Default is what is made then.
	Asked, Default string
	// UUID is what mkfs gives to this volume's file system (R9).
	UUID string
	// Carried says where the volume comes from.
	Carried carried
	// Ephemeral volumes are always new.
	Ephemeral bool
	// FormatStatic is the operator's leave to format volumes made by hand.
	FormatStatic bool
	// Blank is the backend's word that a copy is one of nothing.
	Blank bool
	// NeverFormat is the backend's veto.
	NeverFormat bool
	// ReadOnly says that nobody may write.
	ReadOnly bool
	// Marked says that the volume's mark of having been formatted is set.
	Marked bool
}

// want is the file system to make.
func (f formatFacts) want() string {
	if f.Asked != "" {
		return f.Asked
	}
	return f.Default
}

// decideFormat says whether to make a file system (true), to use the one that
// is there (false), or neither (an error with the evidence). It is the only
// place where mkfs is allowed (R1, contract rulings 19 and 20).
func decideFormat(f formatFacts) (bool, error) {
	c := f.Content
	switch {
	case c.State == fs.Empty:
		return allowFormat(f)
	case c.State == fs.Known && c.InProgress:
		return allowRepeat(f)
	case c.State == fs.Known:
		return false, acceptContent(f)
	case c.State == fs.NonEmptyUnknown:
		return false, refuseContent(f, "it holds data of unknown kind")
	case c.State == fs.Ambiguous:
		return false, refuseContent(f, "it holds the signatures of several kinds of data")
	}
	return false, refuse(ErrUnavailable, "volume %s: its device could not be read in full, so it is neither formatted nor mounted%s", f.ID, evidence(c))
}

// decideEncryption says whether to make a header (true) or to open the one that
// is there (false). Only an encrypted volume is used where encryption is asked
// for; a new header is made where a file system would be.
func decideEncryption(f formatFacts) (bool, error) {
	c := f.Content
	encrypted := c.Type == fs.TypeLUKS
	switch {
	case c.State == fs.Known && encrypted && !c.InProgress && c.Version == 2:
		return false, nil
	case c.State == fs.Known && encrypted && !c.InProgress:
		return false, refuseContent(f, "it is encrypted by LUKS version "+strconv.Itoa(c.Version)+", and only version 2 is used")
	case c.State == fs.Known && !encrypted:
		return false, refuseContent(f, "it is to be encrypted but holds "+c.Type+" without encryption")
	}
	return decideFormat(f)
}

// copyOfNothing says what to do about an empty copy.
const copyOfNothing = ", and nothing proves that the source was empty too: look at the source; if it never held data, make a new volume without a source instead"

// allowFormat decides about a device that is proven empty.
func allowFormat(f formatFacts) (bool, error) {
	for _, reason := range []struct {
		holds bool
		text  string
	}{
		{f.Marked, "it is marked as formatted but its device reads as empty: this is the wrong device, or its data is lost"},
		{f.ReadOnly, "it is empty and to be used read-only"},
		{f.NeverFormat, "it is empty and its backend says that it is never to be formatted"},
		{f.Carried.Origin == originRestore && !f.Blank, "it is empty but was restored from a snapshot" + copyOfNothing},
		{f.Carried.Origin == originClone && !f.Blank, "it is empty but was cloned from a volume" + copyOfNothing},
		{!f.Carried.Dynamic && !f.Ephemeral && !f.FormatStatic, "it is empty and was made by hand: format it, or set Options.FormatStatic"},
	} {
		if reason.holds {
			return false, refuseContent(f, reason.text)
		}
	}
	return true, nil
}

// allowRepeat decides about a file system whose mkfs was killed. Only our own
// may be made again, which its UUID proves, and only where the first mkfs was
// allowed.
func allowRepeat(f formatFacts) (bool, error) {
	if !strings.EqualFold(f.Content.UUID, f.UUID) {
		return false, refuseContent(f, "it holds a half-made "+f.Content.Type+" file system that another program began to make")
	}
	return allowFormat(f)
}

// mountable are the file systems that are mounted without being asked for by
// name.
var mountable = []string{"ext2", "ext3", "ext4", "xfs", "btrfs"}

// acceptContent decides about a device that holds something known: existing
// data is never replaced, but it must be what was asked for (R4).
func acceptContent(f formatFacts) error {
	have := f.Content.Type
	switch {
	case f.Asked == "" && slices.Contains(mountable, have), f.Asked == have:
		return nil
	case have == fs.TypeLUKS:
		return refuseContent(f, "it is encrypted ("+have+") and its class does not ask for encryption")
	case f.Asked == "":
		return refuseContent(f, "it holds "+have+", which is not a file system that can be mounted")
	}
	return refuseContent(f, "it holds "+have+" and "+f.Asked+" was asked for")
}

func refuseContent(f formatFacts, reason string) error {
	return refuse(ErrInUse, "volume %s is not formatted: %s; nothing was written%s", f.ID, reason, evidence(f.Content))
}

// evidence is what the probe saw, for the end of a message.
func evidence(c fs.Content) string {
	if len(c.Evidence) == 0 {
		return ""
	}
	return " (" + strings.Join(c.Evidence, "; ") + ")"
}
