package csi

import (
	"errors"
	"path"
	"strings"

	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/speccheck"
)

// validate checks a request before its handler runs: first that the driver
// offers the RPC at all, then the rules of the spec that hold for every plugin
// (package speccheck), then the fields that this driver's capabilities forbid
// or demand. method is the full gRPC name of the RPC; messages of other
// services than CSI's are not checked.
func (d *Driver) validate(method string, req proto.Message) error {
	if err := d.offers(method); err != nil {
		return err
	}
	if req == nil {
		return nil // no message of a specification that we know
	}
	if err := speccheck.Check(req); err != nil {
		return violation(req, err)
	}
	return d.validateOffered(req)
}

// offers checks that the RPC is one that this process serves.
func (d *Driver) offers(method string) error {
	if offered, gated := gates[method]; gated && !offered(&d.features) {
		return refuse(ErrUnsupported, "this driver does not offer %s: see its capabilities", path.Base(method))
	}
	onNode := strings.HasPrefix(method, "/"+csipb.Node_ServiceDesc.ServiceName+"/")
	if onNode && d.opts.Services == ControllerService && method != csipb.Node_NodeGetCapabilities_FullMethodName {
		return refuse(ErrUnsupported, "%s is not served here: this process is the controller", path.Base(method))
	}
	return nil
}

// violation gives a violation of the spec the code that the spec asks for.
func violation(req proto.Message, err error) error {
	kind := ErrInvalid
	var v *speccheck.Violation
	if errors.As(err, &v) && v.Range {
		kind = ErrOutOfRange
	}
	return refuse(kind, "%s.%w", req.ProtoReflect().Descriptor().Name(), err)
}
