package tracing

import (
	"context"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/csikit/csikit/csi"
)

// scope names this package in traces.
const scope = "github.com/csikit/csikit/csi/tracing"

// Observe adds to opts what records RPCs and operations with the provider. Call
// it before [csi.New]. It replaces opts.Observer. Servers that are embedded
// with [csi.Driver.Register] need an otelgrpc stats handler of their own.
func Observe(opts *csi.Options, provider trace.TracerProvider) {
	opts.ServerOptions = append(opts.ServerOptions,
		grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(provider))))
	opts.Observer = &observer{provider.Tracer(scope)}
}

var _ csi.OperationObserver = (*observer)(nil)

type observer struct{ tracer trace.Tracer }

// Start implements [csi.OperationObserver].
func (o *observer) Start(op, rpc context.Context, info csi.Operation) (context.Context, func(error)) {
	ctx, span := o.tracer.Start(op, info.RPC, trace.WithNewRoot(), trace.WithTimestamp(info.Started),
		trace.WithAttributes(
			attribute.String("csi.id", info.ID),
			attribute.StringSlice("csi.request_ids", info.Requests),
			attribute.Float64("csi.waited_seconds", info.Started.Sub(info.Arrived).Seconds()),
		))
	o.Join(ctx, rpc)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// Join implements [csi.OperationObserver]. The span of an RPC that has ended
// takes no link any more; the operation's does.
func (o *observer) Join(op, rpc context.Context) {
	trace.SpanFromContext(op).AddLink(trace.LinkFromContext(rpc))
	trace.SpanFromContext(rpc).AddLink(trace.LinkFromContext(op))
}
