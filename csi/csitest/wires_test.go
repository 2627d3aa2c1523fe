package csitest

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// A wire is one RPC on its way: send sends the request.
type wire func(ctx context.Context, rpc string, req, reply proto.Message, send func(context.Context) error) error

func (w wire) interceptor() grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		rpc := method[strings.LastIndex(method, "/")+1:]
		sent := proto.Clone(req.(proto.Message)) // the caller's request stays as it is
		return w(ctx, rpc, sent, reply.(proto.Message), func(ctx context.Context) error {
			return invoke(ctx, method, sent, reply, cc, opts...)
		})
	}
}

// plain makes a tamper of a wire that needs nothing of the session.
func plain(w wire) func(*session) wire { return func(*session) wire { return w } }

// recode turns one code into another.
func recode(from, to codes.Code) func(*session) wire {
	return plain(func(ctx context.Context, _ string, _, _ proto.Message, send func(context.Context) error) error {
		err := send(ctx)
		switch {
		case status.Code(err) != from:
			return err
		case to == codes.OK:
			return nil
		}
		return status.Error(to, status.Convert(err).Message())
	})
}

// rewrite changes requests before they are sent.
func rewrite(f func(s *session, req proto.Message)) func(*session) wire {
	return func(s *session) wire {
		return func(ctx context.Context, _ string, req, _ proto.Message, send func(context.Context) error) error {
			f(s, req)
			return send(ctx)
		}
	}
}

// rephrase changes the answers of one RPC that are OK.
func rephrase(f func(s *session, req, reply proto.Message)) func(*session) wire {
	return func(s *session) wire {
		return func(ctx context.Context, _ string, req, reply proto.Message, send func(context.Context) error) error {
			err := send(ctx)
			if err == nil {
				f(s, req, reply)
			}
			return err
		}
	}
}

// drop answers OK without doing anything.
func drop(rpcs ...string) func(*session) wire {
	return plain(func(ctx context.Context, rpc string, _, _ proto.Message, send func(context.Context) error) error {
		for _, r := range rpcs {
			if r == rpc {
				return nil
			}
		}
		return send(ctx)
	})
}

// failsRepeats lets every request that changes something work once.
func failsRepeats() func(*session) wire {
	var mu sync.Mutex
	seen := map[string]bool{}
	return plain(func(ctx context.Context, rpc string, req, _ proto.Message, send func(context.Context) error) error {
		key := rpc + prototext.Format(req)
		mu.Lock()
		again := seen[key]
		seen[key] = true
		mu.Unlock()
		if again && !strings.Contains(rpc, "Get") && !strings.Contains(rpc, "List") && rpc != "Probe" {
			return status.Error(codes.Internal, "been there, done that")
		}
		return send(ctx)
	})
}

// capabilitiesOf returns the volume capabilities of any request.
func capabilitiesOf(req proto.Message) []*csipb.VolumeCapability {
	switch r := req.(type) {
	case interface {
		GetVolumeCapabilities() []*csipb.VolumeCapability
	}:
		return r.GetVolumeCapabilities()
	case interface {
		GetVolumeCapability() *csipb.VolumeCapability
	}:
		if c := r.GetVolumeCapability(); c != nil {
			return []*csipb.VolumeCapability{c}
		}
	}
	return nil
}

// pagesByIndex makes the token of a page the number of entries before it.
func pagesByIndex(ctx context.Context, _ string, req, reply proto.Message, send func(context.Context) error) error {
	r, ok := req.(*csipb.ListVolumesRequest)
	if !ok || r.GetMaxEntries() < 0 {
		return send(ctx)
	}
	n, _ := strconv.Atoi(r.GetStartingToken())
	most := int(r.GetMaxEntries())
	r.StartingToken, r.MaxEntries = "", 0
	err := send(ctx)
	list := reply.(*csipb.ListVolumesResponse)
	list.Entries = list.GetEntries()[min(n, len(list.GetEntries())):]
	if most > 0 && most < len(list.GetEntries()) {
		list.Entries, list.NextToken = list.GetEntries()[:most], strconv.Itoa(n+most)
	}
	return err
}

// ignoreReadonly publishes everything writable.
var ignoreReadonly = rewrite(func(_ *session, req proto.Message) {
	if r, ok := req.(*csipb.NodePublishVolumeRequest); ok {
		r.Readonly = false
	}
})

func rewriteReadonly(s *session) grpc.UnaryClientInterceptor { return ignoreReadonly(s).interceptor() }
