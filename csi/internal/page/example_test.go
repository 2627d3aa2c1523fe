package page_test

import (
	"fmt"

	"github.com/csikit/csikit/csi/internal/page"
)

func ExamplePager() {
	list := func() ([]string, error) { return []string{"vol-3", "vol-1", "vol-2"}, nil }
	id := func(s string) string { return s }

	var p page.Pager[string]
	for r := (page.Request{Max: 2}); ; {
		entries, next, err := p.Page(r, id, list)
		fmt.Println(entries, err)
		if r.Token = next; next == "" {
			break
		}
	}
	// Output:
	// [vol-1 vol-2] <nil>
	// [vol-3] <nil>
}
