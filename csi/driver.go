package csi

import (
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"

	"google.golang.org/grpc"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/fault"
	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/internal/namelock"
	"github.com/csikit/csikit/internal/watch"
)

// A Driver serves the CSI RPCs of one backend. Make it with [New]; its methods
// may be called concurrently.
type Driver struct {
	name       string
	opts       Options
	features   features
	log        *slog.Logger
	operations *keyop.Table
	locks      *namelock.Kept // among the processes of a node
	faults     fault.Point
	gauge      fs.Gauge // of volumes on this node
	shares     watch.Watch
	requests   *requestIDs
	recovery   grpc.UnaryServerInterceptor
	health     health
	ran        atomic.Bool
	listening  chan struct{} // closed by Run

	propagation propagation
}

// New makes a driver named name (a domain name such as
// "local.csi.example.com") of a backend, and checks everything that can be
// wrong before it serves: all that it finds is in one error, and each part
// says what to change. It opens nothing and dials nothing. opts may be nil.
func New(name string, backend Locator, opts *Options) (*Driver, error) {
	if isNil(backend) {
		return nil, errors.New("csi: New needs a backend, and got nil")
	}
	o := opts.withDefaults(name)
	f, err := discover(backend, o.Disable)
	warnings, faults := f.check()
	if err := errors.Join(checkName(name), o.check(), err, faults); err != nil {
		return nil, err
	}
	for _, w := range warnings {
		o.Logger.Warn(w, "driver", name)
	}
	d := &Driver{
		name: name, opts: o, features: f, log: o.Logger, requests: newRequestIDs(), recovery: newRecovery(o.Logger),
		listening: make(chan struct{}), locks: newLocks(o.StateDir),
	}
	d.operations = keyop.New(d.operationHooks())
	return d, nil
}

// Name returns the driver's name.
func (d *Driver) Name() string { return d.name }

// Offers reports whether the backend has the optional interface of that name,
// such as "Attacher", and it is not disabled. Manifests are made of the answers.
func (d *Driver) Offers(ability string) bool { return slices.Contains(d.features.names, ability) }

// Traits returns what the backend says of itself, less what is disabled.
func (d *Driver) Traits() Traits { return d.features.traits }

// Register registers the driver's services with a server of one's own; [Run]
// does it by itself. Validation, logging, redaction and error codes come with
// the services, below the server's own interceptors. Whoever stops the server
// calls [Driver.Shutdown] as well.
func (d *Driver) Register(s grpc.ServiceRegistrar) {
	g := guard{s, d}
	csipb.RegisterIdentityServer(g, &identityServer{d: d})
	if d.opts.Services != NodeService {
		csipb.RegisterControllerServer(g, &controllerServer{d: d})
		csipb.RegisterGroupControllerServer(g, &groupServer{d: d})
	}
	csipb.RegisterNodeServer(g, &nodeServer{d: d})
}

// FaultPoint is for the conformance kit: its argument cannot be named outside
// of this module's csi packages.
func (d *Driver) FaultPoint(fault.Access) *fault.Point { return &d.faults }
