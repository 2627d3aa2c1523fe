package csi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/csikit/csikit/csi/internal/redact"
)

// rpcLines are the log's lines with the message "rpc": one per RPC.
func rpcLines(log string) (lines []string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "msg=rpc ") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestOneLogLinePerRPC(t *testing.T) {
	d, log := newCoreDriver(t, &coreBackend{}, nil)
	conn := dialCore(t, d)
	ctx := metadata.AppendToOutgoingContext(t.Context(), requestIDHeader, "from-the-client")
	_, err := csipb.NewControllerClient(conn).CreateVolume(ctx, createRequest("pvc-1"))
	require.NoError(t, err)
	_, err = csipb.NewIdentityClient(conn).Probe(t.Context(), &csipb.ProbeRequest{})
	require.NoError(t, err)
	_, err = csipb.NewControllerClient(conn).DeleteVolume(t.Context(), &csipb.DeleteVolumeRequest{})
	require.Equal(t, codes.InvalidArgument, status.Code(err))

	lines := rpcLines(log.String())
	require.Len(t, lines, 3)
	assert.Regexp(t, `level=INFO msg=rpc rpc=CreateVolume name=pvc-1 request_id=from-the-client duration=\S+ code=OK`, lines[0])
	assert.Regexp(t, `level=DEBUG msg=rpc rpc=Probe request_id=[0-9a-f]{6}-1 .* code=OK`, lines[1])
	assert.Regexp(t, `level=WARN msg=rpc rpc=DeleteVolume request_id=\S+ .* code=InvalidArgument error=".*volume_id`, lines[2])
	assert.Contains(t, log.String(), "request.secrets="+redact.Hidden)
	assert.NotContains(t, log.String(), "a-very-secret-value")
}

func TestRequestIDOfTheClientIsPrintable(t *testing.T) {
	ids := newRequestIDs()
	for _, bad := range []string{"", "a b", "a\nb", strings.Repeat("x", 65), "ü"} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(requestIDHeader, bad))
		assert.Regexp(t, `^[0-9a-f]{6}-\d+$`, ids.of(ctx), bad)
	}
}

func TestRuling15_PanicIsUnknownForMutatingAndInternalForReads(t *testing.T) {
	b := &coreBackend{
		create: func(context.Context, VolumeSpec) (*Volume, error) { panic("boom a-very-secret-value") },
		probe:  func(context.Context) error { panic("boom") },
	}
	d, log := newCoreDriver(t, b, nil)
	conn := dialCore(t, d)
	_, err := csipb.NewControllerClient(conn).CreateVolume(t.Context(), createRequest("pvc-1"))
	assert.Equal(t, codes.Unavailable, status.Code(err))
	_, err = csipb.NewIdentityClient(conn).Probe(t.Context(), &csipb.ProbeRequest{})
	assert.Equal(t, codes.FailedPrecondition, status.Code(err))
	assert.Contains(t, log.String(), "core_test.go", "the stack is in the log")
	assert.NotContains(t, log.String()+fmt.Sprint(err), "a-very-secret-value")

	handler := func(context.Context, any) (any, error) { panic("in the handler") }
	info := &grpc.UnaryServerInfo{FullMethod: csipb.Identity_GetPluginInfo_FullMethodName}
	_, err = d.intercept(t.Context(), &csipb.GetPluginInfoRequest{}, info, handler)
	assert.Equal(t, codes.Internal, status.Code(err))
}

func TestRule34_StatusHasNoDetailsAndALimit(t *testing.T) {
	withDetails, err := status.New(codes.NotFound, "gone").WithDetails(&csipb.ProbeRequest{})
	require.NoError(t, err)
	s := status.Convert(statusOf(fmt.Errorf("looking: %w", withDetails.Err()), true))
	assert.Equal(t, codes.NotFound, s.Code())
	assert.Empty(t, s.Details())
	s = status.Convert(statusOf(errors.New(strings.Repeat("x", 9000)), true))
	assert.Len(t, s.Message(), maxMessage)
	s = status.Convert(statusOf(errors.New("bad \xff text"), false))
	assert.Equal(t, "bad \uFFFD text", s.Message())
}

// Every RPC of the driver's services, with every field that the protocol marks
// as secret set to a canary, whether the request is valid or not: no log line
// at any level and no answer shows it, even if the handler's error quotes it.
func TestSecretsNeverAppear(t *testing.T) {
	const canary = "canary-in-the-coal-mine"
	d, log := newCoreDriver(t, &coreBackend{}, nil)
	var methods int
	for _, desc := range []grpc.ServiceDesc{csipb.Identity_ServiceDesc, csipb.Controller_ServiceDesc, csipb.Node_ServiceDesc} {
		service := csipb.File_csi_proto.Services().ByName(protoreflect.FullName(desc.ServiceName).Name())
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			req := dynamicpb.NewMessage(m.Input())
			if !plant(req, canary, 0) {
				continue
			}
			methods++
			typed := typedMessage(t, req)
			quote := func(_ context.Context, req any) (any, error) {
				return nil, fmt.Errorf("%w: cannot work with %v", ErrFailed, req)
			}
			for _, handler := range []grpc.UnaryHandler{quote, func(context.Context, any) (any, error) { panic(canary) }} {
				info := &grpc.UnaryServerInfo{FullMethod: "/" + desc.ServiceName + "/unknown"} // not validated
				_, err := d.intercept(t.Context(), typed, info, handler)
				require.Error(t, err)
				assert.NotContains(t, err.Error(), canary, m.FullName())
				info.FullMethod = "/" + desc.ServiceName + "/" + string(m.Name())
				_, err = d.intercept(t.Context(), typed, info, handler)
				require.Error(t, err)
				assert.NotContains(t, err.Error(), canary, m.FullName())
			}
		}
	}
	assert.GreaterOrEqual(t, methods, 13)
	assert.NotContains(t, log.String(), canary)
	assert.Contains(t, log.String(), redact.Hidden)
}

// plant sets every secret field below m.
func plant(m protoreflect.Message, canary string, depth int) (found bool) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case redact.Secret(f) && f.IsMap():
			m.Mutable(f).Map().Set(protoreflect.ValueOfString("key").MapKey(), protoreflect.ValueOfString(canary))
			found = true
		case redact.Secret(f):
			m.Set(f, protoreflect.ValueOfString(canary))
			found = true
		case f.Message() != nil && !f.IsMap() && !f.IsList() && depth < 4:
			child := m.NewField(f)
			if plant(child.Message(), canary, depth+1) {
				m.Set(f, child)
				found = true
			}
		}
	}
	return found
}

// typedMessage makes the generated type of a dynamic message.
func typedMessage(t *testing.T, m *dynamicpb.Message) proto.Message {
	t.Helper()
	raw, err := proto.Marshal(m)
	require.NoError(t, err)
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Descriptor().FullName())
	require.NoError(t, err)
	typed := kind.New().Interface()
	require.NoError(t, proto.Unmarshal(raw, typed))
	return typed
}

func TestServersInterceptorsAreOutside(t *testing.T) {
	var seen []string
	outer := func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		resp, err := handler(ctx, req)
		seen = append(seen, info.FullMethod+" "+status.Code(err).String())
		return resp, err
	}
	d, _ := newCoreDriver(t, &coreBackend{create: func(context.Context, VolumeSpec) (*Volume, error) {
		return nil, fmt.Errorf("no: %w", io.ErrUnexpectedEOF)
	}}, nil)
	conn := dialCore(t, d, grpc.ChainUnaryInterceptor(outer))
	_, err := csipb.NewControllerClient(conn).CreateVolume(t.Context(), createRequest("pvc-1"))
	require.Equal(t, codes.Unavailable, status.Code(err))
	assert.Equal(t, []string{"/csi.v1.Controller/CreateVolume Unavailable"}, seen)
}

func TestLogLevelDecidesWhatIsRendered(t *testing.T) {
	log := &logBuffer{}
	d, _ := newCoreDriver(t, &coreBackend{}, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	})
	conn := dialCore(t, d)
	_, err := csipb.NewIdentityClient(conn).GetPluginInfo(t.Context(), &csipb.GetPluginInfoRequest{})
	require.NoError(t, err)
	_, err = csipb.NewControllerClient(conn).CreateVolume(t.Context(), createRequest("pvc-1"))
	require.NoError(t, err)
	lines := rpcLines(log.String())
	require.Len(t, lines, 1)
	assert.NotContains(t, lines[0], "request.")
	assert.NotContains(t, lines[0], "response.")
}
