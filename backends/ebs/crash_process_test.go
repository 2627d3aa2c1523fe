package ebs_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/csi"
)

// A death is when and how a controller is killed.
type death struct {
	call int // the number of its call to EC2; 0 is never
	how  deathKind
}

type deathKind int

const (
	beforeCall deathKind = iota // the request never arrives
	afterCall                   // it is executed, nobody hears the answer
	duringCall                  // it is executed a while after the process has gone
	deathKinds
)

// mostLate is how long after its sender's death a request is still executed.
const mostLate = time.Second

// A process is one controller: a driver and a backend over a connection to EC2
// that ends, in the middle of whatever goes on, with the process.
type process struct {
	w       *world
	client  csipb.ControllerClient
	groups  csipb.GroupControllerClient
	driver  *csi.Driver
	backend *ebs.Backend
	dies    death
	dead    chan struct{}

	mu    sync.Mutex
	calls int
}

var errKilled = errors.New("the process was killed")

func (w *world) start(dies death) *process {
	p := &process{w: w, dies: dies, dead: make(chan struct{})}
	silent := slog.New(slog.DiscardHandler)
	b, err := ebs.New(ebs.Options{
		EC2: ebs.NewClient(awsConfig(p)), Logger: silent, Consistency: w.consistency,
	})
	if err == nil {
		p.backend = b
		p.driver, err = csi.New(ebs.DriverName, b, &csi.Options{Services: csi.ControllerService, Logger: silent})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	conn := inProcess{}
	p.driver.Register(conn)
	p.client, p.groups = csipb.NewControllerClient(conn), csipb.NewGroupControllerClient(conn)
	return p
}

// bury ends what is left of a process. It changes nothing any more: its calls
// do not reach EC2.
func (p *process) bury() {
	p.kill()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = p.driver.Shutdown(ctx)
	_ = p.backend.Close()
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isDead() {
		close(p.dead)
	}
}

func (p *process) isDead() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// Do is the process's connection to EC2.
func (p *process) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.calls++
	last := p.calls == p.dies.call
	p.mu.Unlock()
	var answer *http.Response
	switch {
	case p.isDead():
	case last && p.dies.how == beforeCall:
		p.kill()
	case last && p.dies.how == duringCall:
		p.kill()
		late := p.w.draw(mostLate)
		p.w.group.Go(func() { time.Sleep(late); _, _ = execute(p.w.ec2, r, body) })
	default:
		answer, err = execute(p.w.ec2, r, body)
		if last {
			p.kill()
		}
	}
	if p.isDead() { // nobody is there who could go on
		<-r.Context().Done()
		return nil, errKilled
	}
	return answer, err
}

// inProcess calls a driver's services without a network, by the full names of
// their methods.
type inProcess map[string]func(context.Context, proto.Message) (any, error)

func (c inProcess) RegisterService(desc *grpc.ServiceDesc, impl any) {
	for _, m := range desc.Methods {
		c["/"+desc.ServiceName+"/"+m.MethodName] = func(ctx context.Context, in proto.Message) (any, error) {
			return m.Handler(impl, ctx, func(into any) error { proto.Merge(into.(proto.Message), in); return nil }, nil)
		}
	}
}

func (c inProcess) Invoke(ctx context.Context, method string, in, out any, _ ...grpc.CallOption) error {
	answer, err := c[method](ctx, in.(proto.Message))
	if err == nil {
		proto.Merge(out.(proto.Message), answer.(proto.Message))
	}
	return err
}

func (c inProcess) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.ErrUnsupported
}
