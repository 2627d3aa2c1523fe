package csi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/metadata"
)

// requestIDHeader is where a client may say which id its RPC has in the logs.
const requestIDHeader = "csi.requestid"

// maxRequestID bounds an id that a client gives.
const maxRequestID = 64

// requestIDs makes ids that differ between processes and count within one.
type requestIDs struct {
	prefix string
	last   atomic.Uint64
}

func newRequestIDs() *requestIDs {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return &requestIDs{prefix: hex.EncodeToString(b[:]) + "-"}
}

// of returns the id of the RPC: the client's, if it gave a printable one.
func (r *requestIDs) of(ctx context.Context) string {
	if given := metadata.ValueFromIncomingContext(ctx, requestIDHeader); len(given) == 1 && printable(given[0]) {
		return given[0]
	}
	return r.prefix + strconv.FormatUint(r.last.Add(1), 10)
}

func printable(id string) bool {
	return id != "" && len(id) <= maxRequestID && !strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' })
}

// requestID returns the id that the interceptor gave the RPC, "" outside of
// RPCs.
func requestID(ctx context.Context) string { return rpcOf(ctx).id }
