package classparam

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/csikit/csikit/csi"
)

// Number sets n to a whole number from 1 on that fits in 32 bits.
func Number(n *int64, value string) error { return Between(n, value, 1, math.MaxInt32) }

// Between sets n to a whole number from least to most, and else says which is the
// nearest one.
func Between(n *int64, value string, least, most int64) error {
	got, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("%w: want a whole number from %d to %d", csi.ErrInvalid, least, most)
	case got < least || got > most:
		return fmt.Errorf("%w: want a whole number from %d to %d; the nearest is %d", csi.ErrInvalid, least, most, min(max(got, least), most))
	}
	*n = got
	return nil
}

// Bool sets b to true or false, in any case of letters.
func Bool(b *bool, value string) error {
	got, err := strconv.ParseBool(strings.ToLower(value))
	if err != nil {
		return fmt.Errorf("%w: want true or false", csi.ErrInvalid)
	}
	*b = got
	return nil
}

// OneOf sets s to one of the words, in any case of letters.
func OneOf[S ~string](s *S, value string, words ...S) error {
	got := S(strings.ToLower(value))
	if !slices.Contains(words, got) {
		return fmt.Errorf("%w: want one of %v", csi.ErrInvalid, words)
	}
	*s = got
	return nil
}

// Time sets t to a moment.
func Time(t *time.Time, value string) error {
	got, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return fmt.Errorf("%w: want a time such as 2027-01-31T00:00:00Z", csi.ErrInvalid)
	}
	*t = got
	return nil
}

// List sets l to the words between commas and spaces.
func List(l *[]string, value string) error {
	*l = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
	return nil
}
