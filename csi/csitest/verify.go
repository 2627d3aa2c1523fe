package csitest

import (
	"context"
	"path"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/csikit/csikit/csi/internal/speccheck"
)

// verify checks every answer of the driver: it follows the specification, has
// a documented code, a message, no details and no secret.
func (s *session) verify(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, cc, opts...)
	rpc := path.Base(method)
	if err != nil {
		s.noSecret("the error of "+rpc, err.Error())
		if problem := speccheck.Status(err); problem != nil {
			s.Errorf("%s: %v", rpc, problem)
		}
		return err
	}
	s.noSecret("the response of "+rpc, prototext.Format(reply.(proto.Message)))
	if problem := speccheck.Response(req.(proto.Message), reply.(proto.Message)); problem != nil {
		s.Errorf("the response of %s is not as the spec wants it: %v", rpc, problem)
	}
	return nil
}

// noSecret fails the check if text holds the value of a secret.
func (s *session) noSecret(what, text string) {
	for _, secret := range s.canaries() {
		if strings.Contains(text, secret) {
			s.Errorf("%s holds the value of a secret", what)
		}
	}
}

// canaries are values that must be seen nowhere.
func (s *session) canaries() []string {
	out := []string{tokenCanary}
	for _, v := range s.h.secrets() {
		out = append(out, v)
	}
	return out
}

// tokenCanary is the value of the service account token.
const tokenCanary = "canary-t0ken-value-93aa"
