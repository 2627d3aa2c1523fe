package ebs_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// TestAttach_UntilInitialized: blockAttachUntilInitialized keeps a restored
// volume back while its data arrives, and no other volume.
func TestAttach_UntilInitialized(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, ec2test.Options{Timings: ec2test.Timings{Initialize: ec2test.Span{Min: 5 * time.Minute}}})
		defer w.end()
		original := &claim{w: w, name: "original", gib: 1, parameters: map[string]string{"blockAttachUntilInitialized": "true"}}
		require.NoError(t, original.create())
		start := time.Now()
		require.NoError(t, original.attach(node1))
		require.Less(t, time.Since(start), time.Second, "it has no data to wait for")
		n := &cut{w: w, name: "snap", of: original.id}
		require.NoError(t, n.create())
		for parameter, least := range map[string]time.Duration{"true": 5*time.Minute - time.Second, "false": 0} {
			c := &claim{w: w, name: "restored-" + parameter, gib: 1, source: n.source(), parameters: map[string]string{"blockattachuntilinitialized": parameter}}
			require.NoError(t, c.create())
			attach := &csipb.ControllerPublishVolumeRequest{VolumeId: c.id, NodeId: node1, VolumeCapability: oneWriter, VolumeContext: c.context}
			if least > 0 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				_, err := w.controller().client.ControllerPublishVolume(ctx, attach)
				cancel()
				require.NotEqual(t, codes.OK, status.Code(err))
				require.Empty(t, attachments(w, c.id), "it must not be attached before")
			}
			_, err := rpc(w, "ControllerPublishVolume", csipb.ControllerClient.ControllerPublishVolume, attach)
			require.NoError(t, err)
			require.Len(t, attachments(w, c.id), 1)
			v, _ := w.ec2.Volume(c.id)
			require.GreaterOrEqual(t, time.Since(v.Created), least)
			require.Less(t, time.Since(v.Created), least+time.Minute)
		}
	})
}

func attachments(w *world, id string) []ec2test.Attachment {
	v, _ := w.ec2.Volume(id)
	return v.Attachments
}
