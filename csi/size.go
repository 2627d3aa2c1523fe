package csi

import "fmt"

// A SizeRange is a range of sizes in bytes. Zero fields are not set.
type SizeRange struct{ Required, Limit int64 }

// Fit returns the smallest size that is a multiple of granule, at least
// r.Required and least, and at most r.Limit and most (a bound of 0 is none). A
// range that asks for less than least without setting a limit gets least,
// and so does an empty one. The error wraps [ErrOutOfRange] and names the bound
// that is in the way.
func (r SizeRange) Fit(granule, least, most int64) (int64, error) {
	if r.Required < 0 || r.Limit < 0 || (r.Limit > 0 && r.Required > r.Limit) {
		return 0, fmt.Errorf("%w: size range from %d to %d bytes is not a range", ErrOutOfRange, r.Required, r.Limit)
	}
	if granule < 1 {
		granule = 1
	}
	size, ok := roundUp(max(r.Required, least), granule)
	if !ok {
		return 0, fmt.Errorf("%w: %d bytes cannot be rounded up to a multiple of %d", ErrOutOfRange, r.Required, granule)
	}
	if most > 0 && size > most {
		return 0, fmt.Errorf("%w: %d bytes is more than the largest size %d", ErrOutOfRange, size, most)
	}
	if r.Limit > 0 && size > r.Limit {
		return 0, fmt.Errorf("%w: the smallest possible size is %d bytes (in steps of %d, at least %d), above the limit of %d", ErrOutOfRange, size, granule, least, r.Limit)
	}
	return size, nil
}

// Contains reports whether size lies in the range; an unknown size (0) does.
func (r SizeRange) Contains(size int64) bool {
	return size == 0 || (size >= r.Required && (r.Limit == 0 || size <= r.Limit))
}

func roundUp(n, granule int64) (int64, bool) {
	rest := n % granule
	if rest == 0 {
		return n, true
	}
	up := n + (granule - rest)
	return up, up > n
}
