package fs

import (
	"fmt"
	"slices"
)

// A view is what the recognisers look at: the beginning and the end of a
// device, both read completely.
type view struct {
	head, tail []byte
	size       int64 // of the device
}

// at returns n bytes at a position of the device, or nil if the view does not
// have them all.
func (v view) at(offset int64, n int) []byte {
	if b := within(v.head, 0, offset, n); b != nil {
		return b
	}
	return within(v.tail, v.size-int64(len(v.tail)), offset, n)
}

// within returns n bytes at offset of a device, of which b holds a part that
// begins at base.
func within(b []byte, base, offset int64, n int) []byte {
	i := offset - base
	if offset < 0 || i < 0 || n < 0 || i > int64(len(b))-int64(n) {
		return nil
	}
	return b[i : i+int64(n)]
}

// maxEvidence bounds how many facts a probe reports.
const maxEvidence = 8

// A report collects what recognisers find.
type report struct {
	found []Content // Known, one each
	notes []string  // why something was not taken for what it resembles
	torn  bool      // a superblock has a wrong checksum: it may be in the middle of a write
}

// add reports something recognised at a position.
func (r *report) add(offset int64, c Content) {
	c.State, c.offset = Known, offset
	what := c.Type
	if c.InProgress {
		what = "half-made " + what
	}
	c.Evidence = append(c.Evidence, fmt.Sprintf("%s at byte %d", what, offset))
	r.found = append(r.found, c)
}

// note reports a fact that decides nothing.
func (r *report) note(format string, args ...any) {
	if len(r.notes) < maxEvidence {
		r.notes = append(r.notes, fmt.Sprintf(format, args...))
	}
}

// verdict sums the report up. ok is false if nothing was recognised.
func (r *report) verdict() (c Content, ok bool) {
	r.leaveFilesOut()
	switch kinds := r.merge(); len(kinds) {
	case 0:
		return Content{Evidence: r.notes}, false
	case 1:
		c = kinds[0]
		c.Evidence = append(c.Evidence, r.notes...)
		return c, true
	default:
		c.State = Ambiguous
		for _, k := range kinds {
			c.Evidence = append(c.Evidence, k.Evidence...)
		}
		c.Evidence = append(c.Evidence, r.notes...)
		return c, true
	}
}

// leaveFilesOut takes for content of a file what lies where the one complete
// file system has its files: whoever uses a volume writes there what they like,
// and must not make it unusable by that. What is outside, such as the superblock
// of an array that holds the file system, stays.
func (r *report) leaveFilesOut() {
	if slices.ContainsFunc(r.found, func(c Content) bool { return c.InProgress }) {
		return
	}
	host := slices.IndexFunc(r.found, func(c Content) bool { return c.checked })
	if host < 0 {
		return
	}
	begin, end := r.found[host].files, r.found[host].Size
	r.found = slices.DeleteFunc(r.found, func(c Content) bool {
		inside := c.mayBeFile && begin <= c.offset && c.offset < end
		if inside {
			r.note("%s, in a file of the %s", c.Evidence[0], r.found[host].Type)
		}
		return inside
	})
}

// merge joins what belongs together: several copies of the same thing, and an
// intent with the file system that it announced.
func (r *report) merge() (kinds []Content) {
next:
	for _, f := range r.found {
		for i := range kinds {
			if k := &kinds[i]; k.Type == f.Type && k.UUID == f.UUID {
				k.join(f)
				continue next
			}
		}
		kinds = append(kinds, f)
	}
	return kinds
}

// join adds a second sign of the same thing. A complete file system that still
// has its intent is in progress until the intent is gone.
func (c *Content) join(f Content) {
	c.Evidence = append(c.Evidence, f.Evidence...)
	c.complete = c.complete || f.complete || c.InProgress != f.InProgress
	c.InProgress = c.InProgress || f.InProgress
	c.NeedsCheck = c.NeedsCheck || f.NeedsCheck
	c.Clean = c.Clean && f.Clean
	c.Size = max(c.Size, f.Size)
}
