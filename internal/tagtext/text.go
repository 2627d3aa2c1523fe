package tagtext

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
)

// A Text is what a tag is made of.
type Text struct{ parsed *template.Template }

// Parse reads a text. The error says which, and what is wrong.
func Parse(text string) (Text, error) {
	parsed, err := template.New("tag").Funcs(functions).Parse(text)
	if err != nil {
		return Text{}, fmt.Errorf("tag %q: %w", text, err)
	}
	return Text{parsed}, nil
}

// Tag makes the tag, with the fields that the text may name. An error depends on
// their values: a function may not fit them.
func (t Text) Tag(fields any) (key, value string, err error) {
	var out strings.Builder
	if err := t.parsed.Execute(&out, fields); err != nil {
		return "", "", fmt.Errorf("tag %q: %w", t.parsed.Root, err)
	}
	key, value, ok := strings.Cut(out.String(), "=")
	if !ok {
		return "", "", fmt.Errorf("tag %q is not of the form key=value", out.String())
	}
	return key, value, nil
}

// functions are those of texts. What could reach out of the text is disabled.
var functions = template.FuncMap{
	"toUpper":   strings.ToUpper,
	"toLower":   strings.ToLower,
	"contains":  func(part, text string) bool { return strings.Contains(text, part) },
	"index":     func(part, text string) int { return strings.Index(text, part) },
	"lastIndex": func(part, text string) int { return strings.LastIndex(text, part) },
	"substring": substring,
	"field":     field,
	"js":        disabled, "call": disabled, "html": disabled, "urlquery": disabled,
}

// substring takes bounds outside of the text as its ends.
func substring(start, end int, text string) string {
	start = min(max(start, 0), len(text))
	if end < start {
		end = len(text)
	}
	return text[start:min(end, len(text))]
}

func field(delim string, index int, text string) (string, error) {
	fields := strings.Split(text, delim)
	if index < 0 || index >= len(fields) {
		return "", fmt.Errorf("there is no field %d in %q", index, text)
	}
	return fields[index], nil
}

var errDisabled = errors.New("this function is disabled")

func disabled(...any) (string, error) { return "", errDisabled }
