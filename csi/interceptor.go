package csi

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/csikit/csikit/csi/internal/redact"
)

// An rpc is what the interceptor knows of the RPC that a context belongs to.
type rpc struct {
	id, method string
	request    proto.Message
	begun      time.Time
}

type rpcKey struct{}

// rpcOf returns the RPC of a context, or of the context that an operation was
// started from; outside of RPCs an empty one.
func rpcOf(ctx context.Context) *rpc {
	if r, ok := ctx.Value(rpcKey{}).(*rpc); ok {
		return r
	}
	return &rpc{}
}

// hide removes from text the secrets that the context's RPC carried.
func hide(ctx context.Context, text string) string { return redact.Text(text, rpcOf(ctx).request) }

// short is the method's name without its service.
func (r *rpc) short() string { return r.method[strings.LastIndexByte(r.method, '/')+1:] }

// mutating reports whether the RPC changes something, by the naming of the
// specification.
func (r *rpc) mutating() bool {
	name := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(r.short(), "Group"), "Controller"), "Node")
	return !slices.ContainsFunc([]string{"Get", "List", "Validate", "Probe"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

// A guard registers services whose every method runs the driver's own
// interceptor, below those of the server: validation, redaction and error
// codes hold no matter who made the server.
type guard struct {
	grpc.ServiceRegistrar
	d *Driver
}

// RegisterService implements [grpc.ServiceRegistrar].
func (g guard) RegisterService(desc *grpc.ServiceDesc, impl any) {
	guarded := *desc
	guarded.Methods = slices.Clone(desc.Methods)
	for i, m := range desc.Methods {
		guarded.Methods[i].Handler = func(srv any, ctx context.Context, decode func(any) error, server grpc.UnaryServerInterceptor) (any, error) {
			return m.Handler(srv, ctx, decode, below(server, g.d.intercept))
		}
	}
	g.ServiceRegistrar.RegisterService(&guarded, impl)
}

// below chains two interceptors; the outer one may be nil.
func below(outer, inner grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	if outer == nil {
		return inner
	}
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		return outer(ctx, req, info, func(ctx context.Context, req any) (any, error) {
			return inner(ctx, req, info, handler)
		})
	}
}

// intercept is what happens around every RPC: it gets an id, is logged, its
// request validated, a panic recovered and its error given a code.
func (d *Driver) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	r := &rpc{id: d.requests.of(ctx), method: info.FullMethod, begun: time.Now()}
	r.request, _ = req.(proto.Message)
	ctx = context.WithValue(ctx, rpcKey{}, r)
	d.logBegin(ctx, r)
	resp, err := d.recovery(ctx, req, info, func(ctx context.Context, req any) (any, error) {
		if err := d.validate(r.method, r.request); err != nil {
			return nil, err
		}
		return handler(ctx, req)
	})
	if err != nil {
		resp = nil
	}
	err = statusOf(hidden(ctx, err), r.mutating())
	d.logEnd(ctx, r, resp, err)
	return resp, err
}

// newRecovery makes the interceptor that turns a panic into an error which
// says nothing about its outcome (contract ruling 15).
func newRecovery(log *slog.Logger) grpc.UnaryServerInterceptor {
	return recovery.UnaryServerInterceptor(recovery.WithRecoveryHandlerContext(func(ctx context.Context, p any) error {
		text := hide(ctx, fmt.Sprint(p))
		log.ErrorContext(ctx, "panic", "rpc", rpcOf(ctx).short(), "request_id", requestID(ctx), "panic", text, "stack", string(debug.Stack()))
		return fmt.Errorf("panic: %s", text)
	}))
}

// hidden is the error that an operation or an RPC answers with: err, or if its
// text quotes a secret of the request an error of the same kind whose text does
// not.
func hidden(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := hide(ctx, text); clean != text {
		return &hiddenError{clean, err}
	}
	return err
}

// A hiddenError replaces the text of an error.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }
func (e *hiddenError) Unwrap() error { return e.err }
