package proc

// An output keeps the first MaxOutput bytes written to it and drops the rest:
// a child that talks without end is neither blocked nor given memory.
type output struct {
	kept      []byte
	truncated bool
}

func (o *output) Write(p []byte) (int, error) {
	room := min(MaxOutput-len(o.kept), len(p))
	o.kept = append(o.kept, p[:room]...)
	o.truncated = o.truncated || room < len(p)
	return len(p), nil
}
