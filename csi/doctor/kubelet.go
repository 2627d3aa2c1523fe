package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	kubelet "k8s.io/kubelet/pkg/apis/pluginregistration/v1"

	"github.com/csikit/csikit/csi/registration"
	"github.com/csikit/csikit/mount"
)

// stateDir is where the node plugin writes down what it knows.
func stateDir(_ context.Context, t Target) []Finding {
	const mend = "mount a directory of the node there (hostPath, DirectoryOrCreate), or choose another with --state-dir"
	if err := os.MkdirAll(t.StateDir, 0o700); err != nil {
		return []Finding{{"state directory", err.Error(), mend, Failure}}
	}
	f, err := os.CreateTemp(t.StateDir, ".doctor-*")
	if err != nil {
		return []Finding{{"state directory", err.Error(), mend, Failure}}
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := f.Close(); err != nil {
		return []Finding{{"state directory", err.Error(), mend, Failure}}
	}
	return []Finding{{Check: "state directory", Found: t.StateDir + " can be written"}}
}

// kubeletDir must be there, and what is mounted below it must be seen by pods.
func kubeletDir(_ context.Context, t Target) []Finding {
	if t.KubeletDir == "" {
		return []Finding{{"kubelet", "not looked at", "set --kubelet-dir to look at it, usually to /var/lib/kubelet", Warning}}
	}
	if _, err := os.Stat(filepath.Join(t.KubeletDir, "plugins_registry")); err != nil {
		return []Finding{{"kubelet directory", err.Error(), "mount the kubelet's directory into the container at the same path, and check --kubelet-dir", Failure}}
	}
	shared, err := mount.NewKernel().Shared(t.KubeletDir)
	switch {
	case err != nil:
		return []Finding{{"mount propagation", err.Error(), "look at /proc/self/mountinfo", Warning}}
	case !shared:
		return []Finding{{"mount propagation", t.KubeletDir + " is not shared: pods do not see what is mounted there",
			"give the volumeMount mountPropagation: Bidirectional; on the node: mount --make-rshared /", Failure}}
	}
	return []Finding{{Check: "mount propagation", Found: t.KubeletDir + " is shared"}}
}

// registered asks the sockets that the kubelet asks.
func registered(ctx context.Context, t Target) []Finding {
	if t.KubeletDir == "" {
		return nil
	}
	path := registration.Socket(t.KubeletDir, t.Driver.Name())
	info, err := ask(ctx, path, func(ctx context.Context, c *grpc.ClientConn) (*kubelet.PluginInfo, error) {
		return kubelet.NewRegistrationClient(c).GetInfo(ctx, &kubelet.InfoRequest{})
	})
	if err != nil {
		return []Finding{{"registration", "nobody answers at " + path + ": " + err.Error(),
			"is the driver running with --kubelet-dir, or beside node-driver-registrar? See its log", Warning}}
	}
	id, err := ask(ctx, info.GetEndpoint(), func(ctx context.Context, c *grpc.ClientConn) (*csipb.NodeGetInfoResponse, error) {
		return csipb.NewNodeClient(c).NodeGetInfo(ctx, &csipb.NodeGetInfoRequest{})
	})
	if err != nil {
		return []Finding{{"registration", "the kubelet is told " + info.GetEndpoint() + ", where NodeGetInfo fails: " + err.Error(),
			"the path of csi.sock must be the same in the container and on the node; the driver's log has the reason", Failure}}
	}
	return []Finding{{Check: "registration", Found: fmt.Sprintf("%s is node %s, with room for %d volumes (0 is no limit)", info.GetName(), id.GetNodeId(), id.GetMaxVolumesPerNode())}}
}

func ask[T any](ctx context.Context, path string, call func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		var none T
		return none, err
	}
	defer func() { _ = conn.Close() }()
	return call(ctx, conn)
}
