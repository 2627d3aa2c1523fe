package local

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/image"
)

// granule is the unit of sizes, and the smallest size.
const granule = 1 << 20

// Capacity implements [csi.CapacityReporter].
func (b *Backend) Capacity(_ context.Context, q csi.CapacityQuery) (csi.Capacity, error) {
	thick, err := allocation(q.Parameters, nil)
	if err != nil || !b.topology().Contains(q.Topology) {
		return csi.Capacity{}, err
	}
	left, _, err := b.room(thick)
	left -= left % granule
	return csi.Capacity{Available: left, MaxVolume: min(left, cmp.Or(b.o.MaxVolumeSize, left)), MinVolume: granule}, err
}

// fits returns [csi.ErrExhausted] if n more bytes cannot be promised. The pool
// must be locked.
func (b *Backend) fits(n int64, thick bool) error {
	left, total, err := b.room(thick)
	if err == nil && n > left {
		err = fmt.Errorf("%w: %d bytes are wanted, and the pool %s has %d left of %d (over-commit ratio %v)",
			csi.ErrExhausted, n, b.o.Pool, left, total, b.o.Overcommit)
	}
	return err
}

// room returns how many bytes of how many can still be promised, and be had at
// once if they are to be thick. The pool can hold what is free and what its
// images occupy, less one percent for the metadata of its own file system:
// what other files occupy does not count. Whatever is being made or deleted
// counts too. Blocks that images share by reflink are counted for each image;
// the size of the pool bounds the result.
func (b *Backend) room(thick bool) (left, total int64, err error) {
	size, free, err := image.Space(b.o.Pool)
	if err != nil {
		return 0, 0, err
	}
	var promised, occupied, pending int64
	for _, kind := range kinds {
		names, err := b.names(kind)
		if err != nil {
			return 0, 0, err
		}
		for _, name := range names {
			e := &entry{dir: b.path(kind, name)}
			has := e.account()
			promised += max(e.Promised, has)
			occupied += has
			if e.Thick {
				pending += max(0, e.Promised-has)
			}
		}
	}
	total = min(size, free+occupied)
	total -= total / 100
	left = int64(float64(total)*b.o.Overcommit) - promised
	if thick {
		left = min(left, free-pending)
	}
	return max(0, left), total, nil
}

// account reads meta.json and returns how many bytes the image occupies. An
// entry whose meta.json cannot be read is taken to promise its whole image.
func (e *entry) account() (occupied int64) {
	info, err := os.Stat(e.image())
	if err == nil {
		occupied = image.Allocated(info)
	}
	if e.read() != nil && err == nil {
		e.Promised = info.Size()
	}
	return occupied
}
