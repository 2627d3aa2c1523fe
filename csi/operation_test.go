package csi

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi/internal/keyop"
)

type observed struct{ events chan string }

type observedKey struct{}

func (o *observed) Start(op, rpc context.Context, info Operation) (context.Context, func(error)) {
	o.events <- "start " + info.RPC + " " + info.ID + " for " + requestID(rpc)
	return context.WithValue(op, observedKey{}, "seen"), func(err error) { o.events <- fmt.Sprint("done ", err) }
}

func (o *observed) Join(op, rpc context.Context) {
	o.events <- fmt.Sprint("join ", op.Value(observedKey{}), " by ", requestID(rpc))
}

func asRPC(ctx context.Context, id string, req *csipb.CreateVolumeRequest) context.Context {
	return context.WithValue(ctx, rpcKey{}, &rpc{id: id, method: csipb.Controller_CreateVolume_FullMethodName, request: req})
}

func TestRuling13_ObserverSeesStartJoinAndEnd(t *testing.T) {
	o := &observed{make(chan string, 10)}
	d, log := newCoreDriver(t, &coreBackend{}, func(opts *Options) { opts.Observer = o })
	req := createRequest("pvc-1")
	op := keyop.Op{RPC: "CreateVolume", ID: "pvc-1", Keys: []keyop.Key{keyop.Exclusive("k")}, Identity: "i"}
	release := make(chan struct{})
	first, second := make(chan error), make(chan error)
	run := func(c keyop.Contexts) (int, error) {
		<-release
		return 0, errors.New("with a-very-secret-value " + fmt.Sprint(c.Op.Value(observedKey{})))
	}
	go func() { _, err := operate(asRPC(t.Context(), "r1", req), d, op, run); first <- err }()
	require.Equal(t, "start CreateVolume pvc-1 for r1", <-o.events)
	go func() { _, err := operate(asRPC(t.Context(), "r2", req), d, op, run); second <- err }()
	require.Equal(t, "join seen by r2", <-o.events)
	close(release)
	require.Error(t, <-first)
	require.Error(t, <-second)
	assert.Equal(t, "done with *** seen", <-o.events)
	assert.Regexp(t, `level=DEBUG msg=operation rpc=CreateVolume id=pvc-1 .* request_ids="\[r1 r2\]" callers=2 error="with \*\*\* seen"`, log.String())
}

// TestRuling11_AJoinedErrorHidesTheOthersSecret: secrets are no part of what is
// identical, so that who joins has others, and the guard of its RPC cannot know
// those of the first.
func TestRuling11_AJoinedErrorHidesTheOthersSecret(t *testing.T) {
	for name, run := range map[string]func() error{
		"error": func() error { return fmt.Errorf("%w: login with a-very-secret-value", ErrExhausted) },
		"panic": func() error { panic("login with a-very-secret-value") },
	} {
		t.Run(name, func(t *testing.T) {
			d, log := newCoreDriver(t, &coreBackend{}, nil)
			op := keyop.Op{RPC: "CreateVolume", ID: "pvc-1", Identity: "i"}
			entered, release := make(chan struct{}), make(chan struct{})
			ends := make(chan error)
			for _, secret := range []string{"a-very-secret-value", "another-secret"} {
				req := createRequest("pvc-1")
				req.Secrets = map[string]string{"key": secret}
				go func() {
					_, err := operate(asRPC(t.Context(), "r", req), d, op, func(keyop.Contexts) (int, error) {
						close(entered)
						<-release
						return 0, run()
					})
					ends <- err
				}()
				<-entered
			}
			require.Eventually(t, func() bool { return d.OperationStats().Joined == 1 }, 5*time.Second, time.Millisecond)
			close(release)
			for range 2 {
				err := <-ends
				require.ErrorContains(t, err, "login with ***")
				require.NotContains(t, err.Error(), "a-very-secret-value")
				require.Equal(t, name == "error", errors.Is(err, ErrExhausted), "it keeps its kind")
			}
			require.NotContains(t, log.String(), "a-very-secret-value")
		})
	}
}

// When all its callers have left, an operation's own line is the only one that
// tells how it ended.
func TestRuling13_OrphanedOperationIsLogged(t *testing.T) {
	d, log := newCoreDriver(t, &coreBackend{}, nil)
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	entered := make(chan struct{})
	op := keyop.Op{RPC: "CreateVolume", ID: "pvc-1"}
	done := make(chan error)
	go func() {
		_, err := operate(ctx, d, op, func(keyop.Contexts) (int, error) {
			close(entered)
			<-release
			return 0, nil
		})
		done <- err
	}()
	<-entered
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	close(release)
	require.NoError(t, d.Shutdown(t.Context()))
	assert.Regexp(t, `level=INFO msg=operation rpc=CreateVolume id=pvc-1 .* callers=0`, log.String())
}

func TestRuling8_OperationsHaveTheDriversTimeout(t *testing.T) {
	d, _ := newCoreDriver(t, &coreBackend{}, nil)
	_, err := operate(t.Context(), d, keyop.Op{RPC: "x"}, func(c keyop.Contexts) (int, error) {
		_, ok := c.Op.Deadline()
		assert.True(t, ok)
		return 0, nil
	})
	require.NoError(t, err)
}
