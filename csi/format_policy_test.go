package csi

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/fs"
)

// TestR1_OnlyProvenEmptyNewVolumesAreFormatted is the whole policy: a case
// that is not in the first group must never format.
func TestR1_OnlyProvenEmptyNewVolumesAreFormatted(t *testing.T) {
	const ours = "11111111-1111-5111-8111-111111111111"
	empty := formatFacts{
		ID: "v", Content: fs.Content{State: fs.Empty, Evidence: []string{"4 MiB of zeros at 0"}},
		Default: "ext4", UUID: ours, Carried: carried{Origin: originNew, Dynamic: true},
	}
	with := func(change func(*formatFacts)) formatFacts {
		f := empty
		change(&f)
		return f
	}
	known := func(fstype string, change func(*formatFacts)) formatFacts {
		return with(func(f *formatFacts) {
			f.Content = fs.Content{State: fs.Known, Type: fstype, UUID: "other", Evidence: []string{"magic at 1080"}}
			if change != nil {
				change(f)
			}
		})
	}
	halfMade := func(uuid string, change func(*formatFacts)) formatFacts {
		return known("xfs", func(f *formatFacts) {
			f.Content.InProgress, f.Content.UUID = true, uuid
			if change != nil {
				change(f)
			}
		})
	}
	state := func(s fs.State) formatFacts { return with(func(f *formatFacts) { f.Content.State = s }) }
	static := func(f *formatFacts) { f.Carried = carried{} }

	for _, test := range []struct {
		name   string
		facts  formatFacts
		format bool
		code   codes.Code
		text   string
	}{
		{name: "new and empty", facts: empty, format: true},
		{name: "made by a provisioner before this framework", facts: with(func(f *formatFacts) { f.Carried = carried{Dynamic: true} }), format: true},
		{name: "static, but allowed", facts: with(func(f *formatFacts) { static(f); f.FormatStatic = true }), format: true},
		{name: "ephemeral", facts: with(func(f *formatFacts) { static(f); f.Ephemeral = true }), format: true},
		{name: "restored from what was never written", facts: with(func(f *formatFacts) { f.Carried.Origin, f.Blank = originRestore, true }), format: true},
		{name: "cloned from what was never written", facts: with(func(f *formatFacts) { f.Carried.Origin, f.Blank = originClone, true }), format: true},
		{name: "such a clone, half made by us", facts: halfMade(ours, func(f *formatFacts) { f.Carried.Origin, f.Blank = originClone, true }), format: true},
		{name: "half made by us", facts: halfMade(ours, nil), format: true},
		{name: "half made by us, UUID in capitals", facts: halfMade("11111111-1111-5111-8111-111111111111", nil), format: true},

		{name: "unreadable", facts: state(fs.Unreadable), code: codes.Unavailable, text: "could not be read"},
		{name: "unknown state", facts: state(fs.State(99)), code: codes.Unavailable, text: "could not be read"},
		{name: "unknown data", facts: state(fs.NonEmptyUnknown), code: codes.FailedPrecondition, text: "unknown kind"},
		{name: "ambiguous", facts: state(fs.Ambiguous), code: codes.FailedPrecondition, text: "several"},
		{name: "marked and empty", facts: with(func(f *formatFacts) { f.Marked = true }), code: codes.FailedPrecondition, text: "marked as formatted"},
		{name: "marked and empty and static and allowed", facts: with(func(f *formatFacts) { static(f); f.FormatStatic, f.Marked = true, true }), code: codes.FailedPrecondition, text: "marked as formatted"},
		{name: "read-only", facts: with(func(f *formatFacts) { f.ReadOnly = true }), code: codes.FailedPrecondition, text: "read-only"},
		{name: "the backend's veto", facts: with(func(f *formatFacts) { f.NeverFormat = true }), code: codes.FailedPrecondition, text: "never"},
		{name: "restored", facts: with(func(f *formatFacts) { f.Carried.Origin = originRestore }), code: codes.FailedPrecondition, text: "snapshot"},
		{name: "cloned", facts: with(func(f *formatFacts) { f.Carried.Origin = originClone }), code: codes.FailedPrecondition, text: "cloned"},
		{name: "cloned from nothing, but marked", facts: with(func(f *formatFacts) { f.Carried.Origin, f.Blank, f.Marked = originClone, true, true }), code: codes.FailedPrecondition, text: "marked as formatted"},
		{name: "cloned from nothing, but with data", facts: with(func(f *formatFacts) {
			f.Carried.Origin, f.Blank, f.Content.State = originClone, true, fs.NonEmptyUnknown
		}), code: codes.FailedPrecondition, text: "unknown kind"},
		{name: "static and blank", facts: with(func(f *formatFacts) { static(f); f.Blank = true }), code: codes.FailedPrecondition, text: "FormatStatic"},
		{name: "static", facts: with(static), code: codes.FailedPrecondition, text: "FormatStatic"},
		{name: "half made by another", facts: halfMade("22222222-2222-5222-8222-222222222222", nil), code: codes.FailedPrecondition, text: "another program"},
		{name: "half made by us, but marked", facts: halfMade(ours, func(f *formatFacts) { f.Marked = true }), code: codes.FailedPrecondition, text: "marked"},
		{name: "half made by us, but static", facts: halfMade(ours, static), code: codes.FailedPrecondition, text: "FormatStatic"},
		{name: "half made by us, read-only", facts: halfMade(ours, func(f *formatFacts) { f.ReadOnly = true }), code: codes.FailedPrecondition, text: "read-only"},

		{name: "a file system, none asked for", facts: known("xfs", nil)},
		{name: "the file system asked for", facts: known("xfs", func(f *formatFacts) { f.Asked = "xfs" })},
		{name: "one of no list, asked for", facts: known("ntfs", func(f *formatFacts) { f.Asked = "ntfs" })},
		{name: "a file system on a static volume", facts: known("ext4", static)},
		{name: "a file system, marked", facts: known("ext4", func(f *formatFacts) { f.Marked = true })},
		{name: "a file system, read-only", facts: known("ext4", func(f *formatFacts) { f.ReadOnly = true })},
		{name: "another file system", facts: known("xfs", func(f *formatFacts) { f.Asked = "ext4" }), code: codes.FailedPrecondition, text: "holds xfs and ext4 was asked for"},
		{name: "no file system", facts: known("LVM2_member", nil), code: codes.FailedPrecondition, text: "LVM2_member"},
		{name: "encrypted", facts: known("crypto_LUKS", nil), code: codes.FailedPrecondition, text: "crypto_LUKS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			format, err := decideFormat(test.facts)
			require.Equal(t, test.format, format)
			require.Equal(t, test.code, status.Code(statusOf(err, true)))
			if test.text != "" {
				require.ErrorContains(t, err, test.text)
				require.ErrorContains(t, err, test.facts.Content.Evidence[0], "the message must show what was found")
			}
		})
	}
}

// TestDecideEncryption: a header is made where a file system would be, and
// only LUKS2 is opened.
func TestDecideEncryption(t *testing.T) {
	fresh := formatFacts{ID: "v", UUID: encryptionUUID("d", "v"), Carried: carried{Origin: originNew, Dynamic: true}}
	with := func(c fs.Content, edits ...func(*formatFacts)) formatFacts {
		f := fresh
		c.Evidence = []string{"what was found"}
		f.Content = c
		for _, edit := range edits {
			edit(&f)
		}
		return f
	}
	header := fs.Content{State: fs.Known, Type: fs.TypeLUKS, Version: 2}
	half := fs.Content{State: fs.Known, Type: fs.TypeLUKS, InProgress: true, UUID: fresh.UUID}
	for name, test := range map[string]struct {
		facts  formatFacts
		format bool
		text   string // "" for no error
	}{
		"empty":                      {with(fs.Content{State: fs.Empty}), true, ""},
		"half-made, ours":            {with(half), true, ""},
		"a header, whoever made it":  {with(header), false, ""},
		"a header of a restored one": {with(header, func(f *formatFacts) { f.Carried.Origin = originRestore }), false, ""},
		"a header, for readers":      {with(header, func(f *formatFacts) { f.ReadOnly = true }), false, ""},

		"version 1":            {with(fs.Content{State: fs.Known, Type: fs.TypeLUKS, Version: 1}), false, "LUKS version 1"},
		"plain":                {with(fs.Content{State: fs.Known, Type: "xfs"}), false, "holds xfs without encryption"},
		"plain, half-made":     {with(fs.Content{State: fs.Known, Type: "xfs", InProgress: true, UUID: formatUUID("d", "v")}), false, "without encryption"},
		"half-made by another": {with(half, func(f *formatFacts) { f.UUID = encryptionUUID("d", "w") }), false, "another program"},
		"empty but marked":     {with(fs.Content{State: fs.Empty}, func(f *formatFacts) { f.Marked = true }), false, "marked"},
		"half-made but marked": {with(half, func(f *formatFacts) { f.Marked = true }), false, "marked"},
		"empty and restored":   {with(fs.Content{State: fs.Empty}, func(f *formatFacts) { f.Carried.Origin = originRestore }), false, "snapshot"},
		"empty and static":     {with(fs.Content{State: fs.Empty}, func(f *formatFacts) { f.Carried = carried{} }), false, "FormatStatic"},
		"empty, for readers":   {with(fs.Content{State: fs.Empty}, func(f *formatFacts) { f.ReadOnly = true }), false, "read-only"},
		"unknown data":         {with(fs.Content{State: fs.NonEmptyUnknown}), false, "unknown kind"},
		"ambiguous":            {with(fs.Content{State: fs.Ambiguous, Type: fs.TypeLUKS}), false, "several"},
		"unreadable":           {with(fs.Content{}), false, "could not be read"},
	} {
		t.Run(name, func(t *testing.T) {
			format, err := decideEncryption(test.facts)
			require.Equal(t, test.format, format)
			if test.text == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.text)
			require.ErrorContains(t, err, "what was found")
		})
	}
}

// TestRuling21_TheUUIDIsTheVolumes: it is the same everywhere and for ever.
func TestRuling21_TheUUIDIsTheVolumes(t *testing.T) {
	first := formatUUID("local.csi.csikit.dev", "vol-1")
	require.Equal(t, first, formatUUID("local.csi.csikit.dev", "vol-1"))
	require.NotEqual(t, first, formatUUID("local.csi.csikit.dev", "vol-2"))
	require.NotEqual(t, first, formatUUID("ebs.csi.aws.com", "vol-1"))
	require.Equal(t, "62d2880c-a43a-5dfd-bca7-90690b140ba8", first, "volumes in the field have it")
	require.Equal(t, "4a290819-6ebf-583a-a0b4-3114fcece3f2", encryptionUUID("local.csi.csikit.dev", "vol-1"), "volumes in the field have it")
	require.Equal(t, "62d2880c-a43a-5dfd-bca7-90690b140ba8", first, "a change makes half-made file systems unknown")
}
