package csi

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/internal/namelock"
)

// operateOnNode is operate for what changes a volume on this node: the keys are
// taken among all processes with this state directory too, such as an old and a
// new plugin while it is updated. A lock of the device itself cannot do that: a
// bind of a device node holds nothing, so that the unstage of one process would
// release the device that the stage of another has just bound (R17).
//
// A process that is killed has no locks any more. One that hangs keeps its own,
// and nothing can be done to those volumes before it has gone, as within a
// process (contract ruling 8).
func operateOnNode[T any](ctx context.Context, d *Driver, op keyop.Op, f func(keyop.Contexts) (T, error)) (T, error) {
	return operate(ctx, d, op, func(c keyop.Contexts) (result T, err error) {
		unlock, err := d.lockAmongProcesses(c.Wait, op)
		if err != nil {
			return result, err
		}
		defer unlock()
		return f(c)
	})
}

// lockAmongProcesses takes the keys of op in sorted order, so that two processes
// never wait for each other.
func (d *Driver) lockAmongProcesses(ctx context.Context, op keyop.Op) (unlock func(), err error) {
	var held []func()
	unlock = func() {
		for _, release := range held {
			release()
		}
	}
	keys := slices.SortedFunc(slices.Values(op.Keys), func(a, b keyop.Key) int { return cmp.Compare(a.Name, b.Name) })
	for _, k := range keys {
		release, err := d.lockKey(ctx, op, k)
		if errors.Is(err, namelock.ErrPlatform) { // for development only
			break
		}
		if err != nil {
			unlock()
			return nil, err
		}
		held = append(held, release)
	}
	return unlock, nil
}

func (d *Driver) lockKey(ctx context.Context, op keyop.Op, k keyop.Key) (unlock func(), err error) {
	mode := namelock.Exclusive
	if k.Shared {
		mode = namelock.Shared
	}
	unlock, err = d.locks.TryLock(k.Name, mode)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(d.opts.StateDir, 0o700); err == nil {
			unlock, err = d.locks.TryLock(k.Name, mode)
		}
	}
	if errors.Is(err, namelock.ErrLocked) {
		d.log.InfoContext(ctx, "waiting for another process of this driver", "rpc", op.RPC, "id", op.ID, "lock", k.Name)
		unlock, err = d.locks.Lock(ctx, k.Name, mode)
	}
	if errors.Is(err, namelock.ErrLocked) {
		return nil, refuse(ErrPending, "%s %s: another process of this driver works on the volume: %w", op.RPC, op.ID, err)
	}
	return unlock, hostError(err, "%s %s: lock %q among the processes of this driver", op.RPC, op.ID, k.Name)
}

// newLocks are the locks among the processes with this state directory. The
// file stays open, and can be opened on a read-only disk if it is there: volumes
// can be unstaged then.
func newLocks(stateDir string) *namelock.Kept {
	return namelock.File(filepath.Join(stateDir, lockFile)).Keep()
}

// openLocks opens the lock file of an earlier process, if there was one.
func (d *Driver) openLocks() {
	if d.opts.Services == ControllerService {
		return
	}
	if err := d.locks.Open(); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.log.Error("nothing can be done to volumes on this node: their lock file cannot be opened", "error", err)
	}
}

// lockFile is the name of the lock file in the state directory. It stays there.
const lockFile = "lock"
