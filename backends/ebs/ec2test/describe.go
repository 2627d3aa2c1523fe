package ec2test

import (
	"encoding/base64"
	"slices"
	"strings"
)

// A selection is what all describing calls have in common.
type selection struct {
	Filters    []filter `ec2:"Filter"`
	MaxResults *int64
	NextToken  string
}

// pageLimits of a describing call. without says that MaxResults cannot go with
// a list of ids, and names that list in EC2's words.
type pageLimits struct {
	least, most int64
	without     string
}

// A source is a kind of resource that can be selected from.
type source[T any] struct {
	prefix string                            // of the ids
	ids    []string                          // all ids, in order
	row    func(string) *T                   // as it is visible, nil if it is not
	values func(*T, string) ([]string, bool) // for a filter; false: no such filter
	tags   func(*T) map[string]string
	page   pageLimits
}

// choose returns the rows that the ids and the filters leave, one page of
// them, and the token of the next page. One unknown id fails the whole call.
func choose[T any](src source[T], ids []string, in selection) ([]*T, string, error) {
	if err := src.page.check(ids, in); err != nil {
		return nil, "", err
	}
	for _, id := range ids {
		if err := wellFormed(src.prefix, id); err != nil {
			return nil, "", err
		}
	}
	for _, id := range ids {
		if src.row(id) == nil {
			return nil, "", notFound(src.prefix, id)
		}
	}
	if len(ids) == 0 {
		ids = src.ids
	}
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, "", err
	}
	if err := checkFilters(in.Filters, func(name string) bool {
		var zero T
		_, known := src.values(&zero, name)
		return known
	}); err != nil {
		return nil, "", err
	}
	return src.scan(slices.Compact(slices.Sorted(slices.Values(ids))), after, in)
}

func (src source[T]) scan(ids []string, after string, in selection) (rows []*T, next string, err error) {
	last := ""
	for _, id := range ids {
		row := src.row(id)
		if id <= after || row == nil || !src.matches(row, in.Filters) {
			continue
		}
		if in.MaxResults != nil && int64(len(rows)) == *in.MaxResults {
			return rows, makeToken(last), nil
		}
		rows, last = append(rows, row), id
	}
	return rows, "", nil
}

func (src source[T]) matches(row *T, filters []filter) bool {
	for _, f := range filters {
		values, known := src.values(row, f.Name)
		if !known {
			values = tagValues(src.tags(row), f.Name)
		}
		if !f.accepts(values) {
			return false
		}
	}
	return true
}

// check refuses what EC2 refuses of MaxResults.
func (p pageLimits) check(ids []string, in selection) error {
	switch n := in.MaxResults; {
	case n == nil:
		return nil
	case len(ids) > 0 && p.without != "":
		return errorf("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", p.without)
	case *n < p.least:
		return errorf("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than or equal to %d.", *n, p.least)
	case *n > p.most:
		return errorf("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value less than or equal to %d.", *n, p.most)
	}
	return nil
}

const tokenPrefix = "after:"

func makeToken(id string) string { return base64.StdEncoding.EncodeToString([]byte(tokenPrefix + id)) }

func parseToken(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	text, err := base64.StdEncoding.DecodeString(token)
	id, ok := strings.CutPrefix(string(text), tokenPrefix)
	if err != nil || !ok {
		return "", errorf("InvalidParameterValue", "Unable to parse pagination token")
	}
	return id, nil
}
