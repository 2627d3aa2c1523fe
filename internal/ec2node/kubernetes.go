package ec2node

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/csikit/csikit/internal/kubeapi"
)

// FromKubernetes reads the Node object of that name: its providerID and its
// well-known labels.
func FromKubernetes(ctx context.Context, api kubeapi.Client, node string) (Instance, error) {
	var object struct {
		Metadata struct{ Labels map[string]string }
		Spec     struct{ ProviderID string }
	}
	if err := api.Get(ctx, "/api/v1/nodes/"+url.PathEscape(node), &object); err != nil {
		return Instance{}, fmt.Errorf("node %s: %w", node, err)
	}
	labels := object.Metadata.Labels
	i := Instance{
		Type:    cmp.Or(labels["node.kubernetes.io/instance-type"], labels["beta.kubernetes.io/instance-type"]),
		Zone:    labels["topology.kubernetes.io/zone"],
		Volumes: -1,
	}
	if strings.HasPrefix(object.Spec.ProviderID, "aws://") { // aws:///us-east-1a/i-0123456789abcdef0
		i.InstanceID = path.Base(object.Spec.ProviderID)
	}
	return i, nil
}
