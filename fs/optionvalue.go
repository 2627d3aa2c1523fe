package fs

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// parseAmount reads a decimal number with k or m, of any case, after it for a
// factor of 1024 or 1024².
func parseAmount(text string) (int64, error) {
	factor := int64(1)
	digits := text
	if n := len(text); n > 0 {
		switch text[n-1] | 0x20 {
		case 'k':
			factor, digits = 1<<10, text[:n-1]
		case 'm':
			factor, digits = 1<<20, text[:n-1]
		}
	}
	value, err := strconv.ParseUint(digits, 10, 40)
	if err != nil {
		return 0, errors.New("want a decimal number, with k or m after it for KiB or MiB")
	}
	return int64(value) * factor, nil
}

func between(least, most int64) func(string) error {
	return func(text string) error {
		value, err := parseAmount(text)
		if err == nil && (value < least || value > most) {
			err = fmt.Errorf("want %d to %d", least, most)
		}
		return err
	}
}

func powerOfTwo(least, most int64) func(string) error {
	inRange := between(least, most)
	return func(text string) error {
		if err := inRange(text); err != nil {
			return err
		}
		if value, _ := parseAmount(text); value&(value-1) != 0 {
			return errors.New("want a power of two")
		}
		return nil
	}
}

func multipleOf(unit, least, most int64) func(string) error {
	inRange := between(least, most)
	return func(text string) error {
		if err := inRange(text); err != nil {
			return err
		}
		if value, _ := parseAmount(text); value%unit != 0 {
			return fmt.Errorf("want a multiple of %d", unit)
		}
		return nil
	}
}

// listOf allows some of the names, separated by commas.
func listOf(names ...string) func(string) error {
	one := oneOf(names...)
	return func(text string) error {
		for name := range strings.SplitSeq(text, ",") {
			if err := one(name); err != nil {
				return fmt.Errorf("%q: %w", name, err)
			}
		}
		return nil
	}
}

func boolean(text string) error {
	return oneOf("true", "false")(text)
}

func oneOf(values ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(values, text) {
			return errors.New("want " + strings.Join(values, " or "))
		}
		return nil
	}
}

var labelForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)

func label(most int) func(string) error {
	return func(text string) error {
		if len(text) > most || !labelForm.MatchString(text) {
			return fmt.Errorf("want 1 to %d letters, digits or . _ : -, the first a letter or a digit", most)
		}
		return nil
	}
}

// amount is the value of a checked option in plain decimal, or "".
func (f Format) amount(name string) string {
	return f.amountIn(1, name)
}

// amountIn is amount in another unit.
func (f Format) amountIn(unit int64, name string) string {
	value, err := parseAmount(f.Options[name])
	if err != nil {
		return ""
	}
	return strconv.FormatInt(value/unit, 10)
}

func (f Format) isTrue(name string) bool { return f.Options[name] == "true" }
