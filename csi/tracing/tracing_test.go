package tracing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/csitest"
	"github.com/csikit/csikit/csi/tracing"
)

// A slow backend waits in CreateVolume until it is released, and fails.
type slow struct {
	entered, release chan struct{}
}

func (s *slow) CreateVolume(_ context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	close(s.entered)
	<-s.release
	return nil, fmt.Errorf("%w: no space for %s with %s", csi.ErrExhausted, spec.Name, spec.Secrets["key"])
}
func (s *slow) DeleteVolume(context.Context, csi.VolumeRef) error { return nil }
func (s *slow) Volume(_ context.Context, v csi.VolumeRef) (*csi.Volume, error) {
	return &csi.Volume{ID: v.ID}, nil
}
func (s *slow) Locate(context.Context, csi.NodeVolume) (csi.Source, error) {
	return nil, csi.ErrUnavailable
}

func TestRuling13_OperationIsARootSpanLinkedToItsRPCs(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	opts := &csi.Options{StateDir: t.TempDir()}
	tracing.Observe(opts, provider)
	b := &slow{make(chan struct{}), make(chan struct{})}
	d, err := csi.New("tracing.csi.example.com", b, opts)
	require.NoError(t, err)
	client := csipb.NewControllerClient(csitest.Start(t, d))
	done := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := client.CreateVolume(t.Context(), request())
			done <- err
		}()
	}
	<-b.entered
	require.Eventually(t, func() bool { return d.OperationStats().Joined == 1 }, 10*time.Second, time.Millisecond)
	close(b.release)
	require.Error(t, <-done)
	require.Error(t, <-done)

	var operations, rpcs []sdktrace.ReadOnlySpan
	require.Eventually(t, func() bool {
		operations, rpcs = nil, nil
		for _, s := range recorder.Ended() {
			if s.Name() == "CreateVolume" {
				operations = append(operations, s)
			} else {
				rpcs = append(rpcs, s)
			}
		}
		return len(operations) == 1 && len(rpcs) == 2
	}, 10*time.Second, time.Millisecond)
	op := operations[0]
	assert.False(t, op.Parent().IsValid(), "it is the root of a trace of its own")
	require.Len(t, op.Links(), 2)
	linked := map[string]bool{}
	for _, l := range op.Links() {
		linked[l.SpanContext.SpanID().String()] = true
	}
	for _, r := range rpcs {
		assert.True(t, linked[r.SpanContext().SpanID().String()], "linked to every RPC that waited")
		assert.NotEqual(t, op.SpanContext().TraceID(), r.SpanContext().TraceID())
		require.Len(t, r.Links(), 1)
		assert.Equal(t, op.SpanContext().SpanID(), r.Links()[0].SpanContext.SpanID())
	}
	assert.Contains(t, op.Status().Description, "no space for pvc-1")
	assert.NotContains(t, fmt.Sprint(op.Status(), op.Attributes(), rpcs[0].Status(), rpcs[0].Attributes()), "a-very-secret-value")
}

func request() *csipb.CreateVolumeRequest {
	return &csipb.CreateVolumeRequest{
		Name:    "pvc-1",
		Secrets: map[string]string{"key": "a-very-secret-value"},
		VolumeCapabilities: []*csipb.VolumeCapability{{
			AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{}},
			AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
		}},
	}
}
