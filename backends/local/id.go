package local

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"

	"github.com/csikit/csikit/csi"
)

// An id is NODE/HASH for what the pool holds, HASH being made of the CO's name,
// or NODE/image/NAME or NODE/device/NAME for what was there before.
var idPattern = regexp.MustCompile(`^([-A-Za-z0-9_.]{1,63})/(?:([0-9a-f]{32})|(image|device)/([A-Za-z0-9][-A-Za-z0-9._:+@=]*))$`)

// parse returns what id names, as it would be if it were a volume. An id that is
// not of this driver is [csi.ErrNotFound]; one of another node is
// [csi.ErrExhausted] (ruling 35), since it may well exist there.
func (b *Backend) parse(id string) (place, error) {
	m := idPattern.FindStringSubmatch(id)
	if m == nil {
		return place{}, fmt.Errorf("%w: %q is no id of this driver (NODE/HASH, NODE/image/NAME or NODE/device/NAME)", csi.ErrNotFound, id)
	}
	if m[1] != b.o.Node {
		return place{}, fmt.Errorf("%w: %s lives on node %s and cannot be reached from node %s", csi.ErrExhausted, id, m[1], b.o.Node)
	}
	return place{cmp.Or(m[3], volumes), m[2] + m[4]}, nil
}

// dynamic is parse for ids of what only the pool can hold.
func (b *Backend) dynamic(kind, id string) (place, error) {
	p, err := b.parse(id)
	switch {
	case err == nil && p.static() && kind == snapshots:
		err = fmt.Errorf("%w: %s is no id of a snapshot", csi.ErrNotFound, id)
	case err == nil && p.static():
		err = fmt.Errorf("%w: %s was made by hand and cannot be snapshotted or cloned", csi.ErrInvalid, id)
	}
	return place{kind, p.name}, err
}

func (b *Backend) id(p place) string { return b.o.Node + "/" + p.name }

// hashOf maps the name that the CO gave to a directory name, so that creation
// finds by name what exists.
func hashOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}
