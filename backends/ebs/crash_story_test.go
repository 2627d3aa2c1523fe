package ebs_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// badKey is a KMS key that EC2 cannot use.
const badKey = "alias/gone"

// next makes a name that no other story of the world has.
func (w *world) next(prefix string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names++
	return fmt.Sprintf("%s-%d", prefix, w.names)
}

// volumeStory is the life of a volume: made, attached, grown and modified,
// moved to another node, deleted.
func (w *world) volumeStory() error {
	c := &claim{w: w, name: w.next("pvc"), gib: 10, parameters: map[string]string{"type": "gp3", "iops": "3000"}}
	if w.chance(0.3) {
		c.parameters = map[string]string{"type": "io2", "iops": "1000", "encrypted": "true"}
	}
	return inOrder(
		c.create,
		func() error { return c.attach(node1) },
		func() error {
			return together(
				func() error { return c.expand(20) },
				func() error { return c.modify("iops", "4000", iopsOf) },
			)
		},
		func() error { return c.modify("tagSpecification_1", "team=blue", tagOf("team")) },
		func() error { return c.detach(node1) },
		func() error { return c.attach(node2) },
		func() error { return c.detach("") },
		c.remove,
	)
}

// snapshotStory is the life of a snapshot of a volume that is in use, and of
// what is made from it.
func (w *world) snapshotStory() error {
	c := &claim{w: w, name: w.next("pvc"), gib: 4}
	s := &cut{w: w, name: w.next("snap"), parameters: map[string]string{}}
	locked := w.chance(0.3)
	if locked {
		s.parameters["lockMode"], s.parameters["lockDuration"] = "governance", "1"
	}
	if w.chance(0.3) {
		s.parameters["fastSnapshotRestoreAvailabilityZones"] = zoneA
	}
	restored := &claim{w: w, name: w.next("pvc"), gib: 8}
	clone := &claim{w: w, name: w.next("pvc"), gib: 4}
	return inOrder(
		c.create,
		func() error { return c.attach(node2) },
		func() error {
			s.of = c.id
			return together(s.create, func() error { return c.expand(5) })
		},
		func() error { return c.detach(node2) },
		func() error {
			restored.source, clone.source, clone.gib = s.source(), c.asSource(), 5
			return together(restored.create, clone.create)
		},
		func() error { return together(restored.remove, clone.remove, c.remove) },
		func() error {
			if locked {
				time.Sleep(26 * time.Hour)
			}
			return s.remove()
		},
	)
}

// groupStory is the life of a group of snapshots, of two of the three volumes of
// a node.
func (w *world) groupStory() error {
	var members []*claim
	var attach []func() error
	for range 3 {
		c := &claim{w: w, name: w.next("pvc"), gib: 1}
		members = append(members, c)
		attach = append(attach, func() error { return inOrder(c.create, func() error { return c.attach(node1) }) })
	}
	g := &groupCut{w: w, name: w.next("group")}
	var remove []func() error
	for _, c := range members {
		remove = append(remove, func() error { return inOrder(func() error { return c.detach(node1) }, c.remove) })
	}
	return inOrder(
		func() error { return together(attach...) },
		func() error { g.of = []string{members[0].id, members[1].id}; return g.create() },
		func() error { return together(append(remove, g.remove)...) },
	)
}

// failedStory asks for a volume that EC2 takes back because of its key. The
// answer is final: nobody will ask again or delete it, so nothing may be left.
func (w *world) failedStory() error {
	c := &claim{w: w, name: w.next("pvc"), gib: 1, parameters: map[string]string{"kmsKeyId": badKey}}
	err := c.create()
	if status.Code(errors.Unwrap(err)) != codes.Internal || !strings.Contains(err.Error(), badKey) {
		return fmt.Errorf("the key is bad, and the answer is %w", err)
	}
	if list := w.volumesNamed(c.name); len(list) > 0 {
		return fmt.Errorf("the answer is final, and EC2 has %+v", list)
	}
	return nil
}

func iopsOf(v ec2test.Volume) string { return strconv.FormatInt(v.IOPS, 10) }

func tagOf(key string) func(ec2test.Volume) string {
	return func(v ec2test.Volume) string { return key + "=" + v.Tags[key] }
}

func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func together(steps ...func() error) error {
	var group sync.WaitGroup
	errs := make([]error, len(steps))
	for i, step := range steps {
		group.Go(func() { errs[i] = step() })
	}
	group.Wait()
	return errors.Join(errs...)
}
