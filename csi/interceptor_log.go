package csi

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/csikit/csikit/csi/internal/redact"
)

// logBegin shows the request, at level Debug only: an RPC has one line, at its
// end.
func (d *Driver) logBegin(ctx context.Context, r *rpc) {
	if d.log.Enabled(ctx, slog.LevelDebug) {
		d.log.LogAttrs(ctx, slog.LevelDebug, "rpc begins", r.attrs(slog.Any("request", redact.Message(r.request)))...)
	}
}

// logEnd writes the one line of an RPC.
func (d *Driver) logEnd(ctx context.Context, r *rpc, resp any, err error) {
	code, level := status.Code(err), r.level(err)
	if !d.log.Enabled(ctx, level) {
		return
	}
	attrs := r.attrs(slog.Duration("duration", time.Since(r.begun)), slog.String("code", code.String()))
	if err != nil {
		attrs = append(attrs, slog.String("error", status.Convert(err).Message()))
	}
	if m, ok := resp.(proto.Message); ok && d.log.Enabled(ctx, slog.LevelDebug) {
		attrs = append(attrs, slog.Any("response", redact.Message(m)))
	}
	d.log.LogAttrs(ctx, level, "rpc", attrs...)
}

// level is Info for an RPC that changed something and Debug for one that read;
// for an error Warn, or Error if it hints at a fault in the driver.
func (r *rpc) level(err error) slog.Level {
	switch status.Code(err) {
	case codes.OK:
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return slog.LevelError
	default:
		return slog.LevelWarn
	}
	if r.mutating() {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// attrs are what every line of the RPC says: its method, what it is about and
// its id.
func (r *rpc) attrs(more ...slog.Attr) []slog.Attr {
	out := append(make([]slog.Attr, 0, 8), slog.String("rpc", r.short()))
	switch m := r.request.(type) {
	case interface{ GetVolumeId() string }:
		out = subject(out, "volume", m.GetVolumeId())
	case interface{ GetSnapshotId() string }:
		out = subject(out, "snapshot", m.GetSnapshotId())
	case interface{ GetName() string }:
		out = subject(out, "name", m.GetName())
	}
	if m, ok := r.request.(interface{ GetSourceVolumeId() string }); ok {
		out = subject(out, "volume", m.GetSourceVolumeId())
	}
	if m, ok := r.request.(interface{ GetNodeId() string }); ok {
		out = subject(out, "node", m.GetNodeId())
	}
	return append(append(out, slog.String("request_id", r.id)), more...)
}

func subject(attrs []slog.Attr, key, value string) []slog.Attr {
	if value == "" {
		return attrs
	}
	return append(attrs, slog.String(key, value))
}
