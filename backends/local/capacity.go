package local

import (
	"context"
	"fmt"
	"os"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/image"
)

// granule is the unit of sizes, and the smallest size.
const granule = 1 << 20

// room is what is left of the pool.
type room struct {
	total int64 // bytes of the pool that can hold images
	thin  int64 // bytes that may still be promised
	thick int64 // bytes that may be promised and allocated at once
}

// Capacity implements [csi.CapacityReporter].
func (b *Backend) Capacity(_ context.Context, q csi.CapacityQuery) (csi.Capacity, error) {
	thick, err := allocation(q.Parameters, nil)
	if err != nil || !b.topology().Contains(q.Topology) {
		return csi.Capacity{}, err
	}
	r, err := b.room()
	if err != nil {
		return csi.Capacity{}, err
	}
	left := r.left(thick) / granule * granule
	largest := left
	if b.o.MaxVolumeSize > 0 {
		largest = min(largest, b.o.MaxVolumeSize)
	}
	return csi.Capacity{Available: left, MaxVolume: largest, MinVolume: granule}, nil
}

func (r room) left(thick bool) int64 {
	if thick {
		return r.thick
	}
	return r.thin
}

// fits returns [csi.ErrExhausted] if n more bytes cannot be promised. The pool
// must be locked.
func (b *Backend) fits(n int64, thick bool) error {
	r, err := b.room()
	if err != nil {
		return err
	}
	if left := r.left(thick); n > left {
		return fmt.Errorf("%w: %d bytes are wanted, and the pool %s has %d left of %d (over-commit ratio %v)",
			csi.ErrExhausted, n, b.o.Pool, left, r.total, b.o.Overcommit)
	}
	return nil
}

// room adds up what is promised. The pool can hold what is free and what its
// images occupy, less one percent for the metadata of its own file system:
// what other files occupy does not count. Whatever is being made or deleted
// counts too. Blocks that images share by reflink are counted for each image;
// the size of the pool bounds the result.
func (b *Backend) room() (room, error) {
	size, free, err := image.Space(b.o.Pool)
	if err != nil {
		return room{}, err
	}
	var promised, occupied, pending int64
	for _, kind := range kinds {
		names, err := b.names(kind)
		if err != nil {
			return room{}, err
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
	total := min(size, free+occupied)
	total -= total / 100
	thin := max(0, int64(float64(total)*b.o.Overcommit)-promised)
	return room{total: total, thin: thin, thick: max(0, min(thin, free-pending))}, nil
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
