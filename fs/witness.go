package fs

import (
	"bytes"
	"fmt"
	"strings"
)

// A witness is what blkid says: the types it found, or "" for nothing.
type witness struct {
	fsType, tableType string
	several           bool // it found more than one, and says not which
}

// blkidArgs asks blkid for everything it knows, without a filter by usage: one
// would make it call a swap device or a LUKS device nothing.
func blkidArgs(device string) []string {
	return []string{"-p", "-s", "TYPE", "-s", "PTTYPE", "-o", "export", device}
}

// The exit statuses of blkid(8).
const (
	blkidFound     = 0
	blkidNothing   = 2 // or an error, which then is on standard error
	blkidAmbiguous = 8
)

// parseBlkid reads the answer of util-linux's blkid. Anything that it does not
// say, such as busybox's success without output, is no testimony but an error.
func parseBlkid(exit int, stdout, stderr []byte) (witness, error) {
	w := witness{}
	for line := range strings.Lines(string(stdout)) {
		switch key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "="); key {
		case "TYPE":
			w.fsType = value
		case "PTTYPE":
			w.tableType = value
		}
	}
	named := w.fsType != "" || w.tableType != ""
	silent := len(bytes.TrimSpace(stdout)) == 0 && len(bytes.TrimSpace(stderr)) == 0
	switch {
	case exit == blkidFound && named:
		return w, nil
	case exit == blkidNothing && silent:
		return witness{}, nil
	case exit == blkidAmbiguous:
		return witness{several: true}, nil
	}
	return witness{}, fmt.Errorf("blkid gave no answer that can be relied on (exit status %d, output %q, %q): util-linux's blkid is needed",
		exit, clip(stdout), clip(stderr))
}

// finds describes what the witness found, or returns "".
func (w witness) finds() string {
	switch {
	case w.several:
		return "several signatures"
	case w.fsType != "" && w.tableType != "":
		return w.fsType + " and " + w.tableType
	}
	return w.fsType + w.tableType
}

// clip bounds what a message repeats of a tool's output.
func clip(output []byte) string {
	const most = 400
	text := strings.ToValidUTF8(strings.TrimSpace(string(output)), "?")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
