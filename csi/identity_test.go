package csi

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func pluginOffers(f features) (services []string, expansion string) {
	for _, c := range f.pluginCapabilities() {
		if s := c.GetService(); s != nil {
			services = append(services, s.GetType().String())
		}
		if e := c.GetVolumeExpansion(); e != nil {
			expansion = e.GetType().String()
		}
	}
	return services, expansion
}

func TestRule32_PluginCapabilitiesFollowTheFeatures(t *testing.T) {
	e := &everythingBackend{}
	for name, c := range map[string]struct {
		f         features
		services  []string
		expansion string
	}{
		"node only":          {features{}, nil, ""},
		"controller":         {features{provisioner: e}, []string{"CONTROLLER_SERVICE"}, ""},
		"attach only":        {features{attacher: e}, []string{"CONTROLLER_SERVICE"}, ""},
		"growth on the node": {features{nodeExpander: e}, nil, "ONLINE"},
		"offline":            {features{expander: e, traits: Traits{OfflineExpansion: true}}, []string{"CONTROLLER_SERVICE"}, "OFFLINE"},
		"topology":           {features{traits: Traits{TopologyKeys: []string{"k"}}}, []string{"VOLUME_ACCESSIBILITY_CONSTRAINTS"}, ""},
		"snapshot topology": {features{snapshotter: e, traits: Traits{TopologyKeys: []string{"k"}, SnapshotTopology: true}},
			[]string{"CONTROLLER_SERVICE", "VOLUME_ACCESSIBILITY_CONSTRAINTS", "SNAPSHOT_ACCESSIBILITY_CONSTRAINTS"}, ""},
	} {
		services, expansion := pluginOffers(c.f)
		assert.Equal(t, c.services, services, name)
		assert.Equal(t, c.expansion, expansion, name)
	}
}

func TestRule32_PluginCapabilitiesAreTheSameOnEveryInstance(t *testing.T) {
	var answers []*csipb.GetPluginCapabilitiesResponse
	for _, s := range []Services{AllServices, ControllerService, NodeService} {
		d, _ := newCoreDriver(t, &coreBackend{}, func(o *Options) { o.Services = s })
		resp, err := csipb.NewIdentityClient(dialCore(t, d)).GetPluginCapabilities(t.Context(), &csipb.GetPluginCapabilitiesRequest{})
		require.NoError(t, err)
		answers = append(answers, resp)
	}
	assert.Equal(t, answers[0].String(), answers[1].String())
	assert.Equal(t, answers[0].String(), answers[2].String())
}

func probeOnce(t *testing.T, probe func(context.Context) error) (*csipb.ProbeResponse, error) {
	t.Helper()
	d, _ := newCoreDriver(t, &coreBackend{probe: probe}, nil)
	return csipb.NewIdentityClient(dialCore(t, d)).Probe(t.Context(), &csipb.ProbeRequest{})
}

func TestRule33_Probe(t *testing.T) {
	resp, err := probeOnce(t, func(context.Context) error { return nil })
	require.NoError(t, err)
	assert.True(t, resp.GetReady().GetValue())
	resp, err = probeOnce(t, func(context.Context) error { return ErrPending })
	require.NoError(t, err)
	assert.False(t, resp.GetReady().GetValue(), "starting is not an error")
	_, err = probeOnce(t, func(context.Context) error { return ErrUnavailable })
	assert.Equal(t, codes.FailedPrecondition, status.Code(err), "whatever the backend's error is elsewhere")
}

// TestRule33_TheLogSaysWhyTheDriverCannotWork, from the start and once: nobody
// may ever call Probe.
func TestRule33_TheLogSaysWhyTheDriverCannotWork(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	d, log := newCoreDriver(t, &coreBackend{probe: func(context.Context) error {
		if broken.Load() {
			return errors.New("the pool is not there")
		}
		return nil
	}}, nil)
	r := runCore(t, d)
	says := func(text string) func() bool { return func() bool { return strings.Contains(log.String(), text) } }
	require.Eventually(t, says("the pool is not there"), 10*time.Second, 10*time.Millisecond)
	probe := func() error {
		d.health.mu.Lock()
		d.health.at = time.Time{}
		d.health.mu.Unlock()
		return d.probe(t.Context())
	}
	require.Error(t, probe())
	require.Equal(t, 1, strings.Count(log.String(), "cannot work yet"), log)
	broken.Store(false)
	require.NoError(t, probe())
	require.True(t, says("can work again")())
	r.stop()
	require.NoError(t, <-r.done)
}

func TestRule33_MissingToolsAreUnhealthyOnNodesWithDevices(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	opts := func(o *Options) { o.Mounts = nil; o.DefaultFSType = "xfs" }
	d, _ := newCoreDriver(t, &coreBackend{}, opts)
	err := d.probe(t.Context())
	require.ErrorContains(t, err, "blkid is missing")
	require.ErrorContains(t, err, "mkfs.xfs is missing")
	shares, _ := newCoreDriver(t, &coreBackend{traits: Traits{Block: []AccessMode{}}}, opts)
	assert.NoError(t, shares.probe(t.Context()))
	controller, _ := newCoreDriver(t, &coreBackend{}, func(o *Options) { opts(o); o.Services = ControllerService })
	assert.NoError(t, controller.probe(t.Context()))
}

func TestR14_ProbeDoesNotHang(t *testing.T) {
	var calls atomic.Int64
	entered := make(chan struct{}, 10)
	d, _ := newCoreDriver(t, &coreBackend{probe: func(ctx context.Context) error {
		calls.Add(1)
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}}, nil)
	client := csipb.NewIdentityClient(dialCore(t, d))
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := client.Probe(ctx, &csipb.ProbeRequest{})
		cancel()
		require.Equal(t, codes.FailedPrecondition, status.Code(err))
		require.ErrorContains(t, err, "has not answered for")
	}
	<-entered
	assert.Equal(t, int64(1), calls.Load(), "callers share the probe that hangs")
	require.NoError(t, d.Shutdown(t.Context()), "which ends with the driver")
}

func TestProbeIsCachedBriefly(t *testing.T) {
	var calls atomic.Int64
	d, _ := newCoreDriver(t, &coreBackend{probe: func(context.Context) error {
		calls.Add(1)
		return errors.New("broken")
	}}, nil)
	for range 10 {
		require.ErrorContains(t, d.probe(t.Context()), "broken")
	}
	assert.Less(t, calls.Load(), int64(10))
}
