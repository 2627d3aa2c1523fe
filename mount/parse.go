package mount

import (
	"fmt"
	"strings"
)

// ParseOption turns a mount flag as the CO passes it, KEY or KEY=VALUE, into an
// Option. The first "=" separates. Quotes around a whole value, as the
// kubelet puts them around SELinux contexts, are removed: they belong to the
// comma strings of mount(8), not to the value.
//
// It fails with [ErrOption] if the flag is not well formed: see
// [CheckOptions].
func ParseOption(s string) (Option, error) {
	key, value, _ := strings.Cut(s, "=")
	o := Option{Key: key, Value: unquote(value)}
	if err := checkShape(o); err != nil {
		return Option{}, err
	}
	return o, nil
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// checkShape refuses what could be read as more than one option, as an option
// of a command, or as the end of a string (R15).
func checkShape(o Option) error {
	switch {
	case o.Key == "":
		return fmt.Errorf("%w: an option without a name", ErrOption)
	case o.Key[0] == '-':
		return fmt.Errorf("%w: %q: the name of an option cannot begin with '-'", ErrOption, o.Key)
	case strings.ContainsAny(o.Key, ",=\"\\ ") || hasControl(o.Key):
		return fmt.Errorf("%w: %q: a name holds no comma, equals sign, quote, backslash, space or control character: pass each option by itself", ErrOption, o.Key)
	case hasControl(o.Value):
		return fmt.Errorf("%w: %s: the value holds a control character", ErrOption, o.Key)
	case isContext(o.Key) && (o.Value == "" || strings.Contains(o.Value, `"`)):
		return fmt.Errorf("%w: %s: no SELinux context: %q", ErrOption, o.Key, o.Value)
	case len(o.Value) > maxValue:
		return fmt.Errorf("%w: %s: the value has %d bytes, the kernel takes %d", ErrOption, o.Key, len(o.Value), maxValue)
	}
	return nil
}

// maxValue is what fsconfig(2) takes, which is 256 with the final NUL.
const maxValue = 255

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// isContext says that an option belongs to SELinux. Its value may hold commas,
// and it has to be found in the mount afterwards (R16).
func isContext(key string) bool {
	switch key {
	case "context", "fscontext", "defcontext", "rootcontext":
		return true
	}
	return false
}

// cleanOptions checks the shape of all options and strips the quotes of
// contexts.
func cleanOptions(options []Option) ([]Option, error) {
	clean := make([]Option, len(options))
	for i, o := range options {
		if isContext(o.Key) {
			o.Value = unquote(o.Value)
		}
		if err := checkShape(o); err != nil {
			return nil, err
		}
		clean[i] = o
	}
	return clean, nil
}

// splitShown splits the options of a mount as the kernel shows them. Commas in
// quotes, as in SELinux contexts, do not separate; octal escapes are undone.
func splitShown(s string) []string {
	var out []string
	for s != "" {
		end, quoted := 0, false
		for end < len(s) && (quoted || s[end] != ',') {
			quoted = quoted != (s[end] == '"')
			end++
		}
		if end > 0 {
			out = append(out, unescape(s[:end]))
		}
		s = strings.TrimPrefix(s[end:], ",")
	}
	return out
}

// unescape undoes the kernel's \ooo for white space, comma, hash and backslash.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(c byte) bool { return '0' <= c && c <= '7' }
