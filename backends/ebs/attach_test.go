package ebs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
)

// TestDetach_OneUnknownIDSpoilsNothing is aws-ebs-csi-driver#2436: one unknown
// id in a batch made ten detachments that had not happened look done.
func TestDetach_OneUnknownIDSpoilsNothing(t *testing.T) {
	s := newEC2(t)
	b := open(t, s)
	var ids []string
	for i := range 10 {
		v := create(t, b, fmt.Sprint("v", i))
		_, err := b.Attach(t.Context(), attachment(v.ID, node1))
		require.NoError(t, err)
		ids = append(ids, v.ID)
	}
	s.HoldAttachments(ids...)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var group sync.WaitGroup
	for _, id := range ids {
		group.Go(func() {
			err := b.Detach(ctx, attachment(id, node1))
			if err == nil && s.Attached(id, node1) {
				t.Errorf("volume %s is attached, and Detach was nil", id)
			}
		})
	}
	_, err := b.Volume(t.Context(), csi.VolumeRef{ID: "vol-0123456789abcdef0"})
	require.ErrorIs(t, err, csi.ErrNotFound)
	group.Wait()
	s.ReleaseAttachments(ids...)
	for _, id := range ids {
		require.NoError(t, b.Detach(t.Context(), attachment(id, node1)))
		require.False(t, s.Attached(id, node1))
	}
}

func TestAttach_ManyAtOnceGetAsManyNames(t *testing.T) {
	s := newEC2(t, func(o *ec2test.Options) {
		o.Instances = []ec2test.Instance{{ID: node1, Type: "m4.large"}}
		o.MappingLag = ec2test.Span{Max: 50 * time.Millisecond}
	})
	b := open(t, s)
	var mu sync.Mutex
	names := map[string]string{}
	var group errgroup.Group
	for i := range 35 {
		v := create(t, b, fmt.Sprint("v", i))
		group.Go(func() error {
			publish, err := b.Attach(t.Context(), attachment(v.ID, node1))
			mu.Lock()
			defer mu.Unlock()
			if other, twice := names[publish["devicePath"]]; twice && err == nil {
				t.Errorf("%s and %s are both %s", other, v.ID, publish["devicePath"])
			}
			names[publish["devicePath"]] = v.ID
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Zero(t, s.Refused("InvalidParameterValue"), "no name was tried twice")
}

func TestRule10_SecondNodeIsNamed(t *testing.T) {
	s := newEC2(t)
	b := open(t, s)
	v := create(t, b, "v")
	_, err := b.Attach(t.Context(), attachment(v.ID, node1))
	require.NoError(t, err)
	_, err = b.Attach(t.Context(), attachment(v.ID, node2))
	require.ErrorIs(t, err, csi.ErrInUse)
	require.ErrorContains(t, err, node1)
	require.ErrorIs(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: v.ID}), csi.ErrInUse)
}

// TestAttach_LostAnswer: the attachment was made, the answer was lost, and a new
// process finds it.
func TestAttach_LostAnswer(t *testing.T) {
	s := newEC2(t)
	v := create(t, open(t, s), "v")
	s.Inject(ec2test.Fault{API: "AttachVolume", Lose: true, Count: 1})
	publish, err := open(t, s).Attach(t.Context(), attachment(v.ID, node1))
	require.NoError(t, err)
	again, err := open(t, s).Attach(t.Context(), attachment(v.ID, node1))
	require.NoError(t, err)
	require.Equal(t, publish, again)
}
