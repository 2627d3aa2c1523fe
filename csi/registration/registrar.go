package registration

import (
	"context"

	kubelet "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// version is what the kubelet compares when two sockets tell the same name; see
// the package comment.
const version = "1.0.0"

// A registrar answers the kubelet.
type registrar struct {
	kubelet.UnimplementedRegistrationServer
	o       Options
	answers chan answer
}

// An answer is what the kubelet says of the driver.
type answer struct {
	registered bool
	said       string
}

// GetInfo implements kubelet.RegistrationServer. The kubelet waits one second.
func (r *registrar) GetInfo(context.Context, *kubelet.InfoRequest) (*kubelet.PluginInfo, error) {
	return &kubelet.PluginInfo{
		Type:              kubelet.CSIPlugin,
		Name:              r.o.Driver,
		Endpoint:          r.o.Endpoint,
		SupportedVersions: []string{version},
	}, nil
}

// NotifyRegistrationStatus implements kubelet.RegistrationServer.
func (r *registrar) NotifyRegistrationStatus(ctx context.Context, s *kubelet.RegistrationStatus) (*kubelet.RegistrationStatusResponse, error) {
	select {
	case r.answers <- answer{s.GetPluginRegistered(), s.GetError()}:
		return &kubelet.RegistrationStatusResponse{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
