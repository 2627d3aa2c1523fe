package ebs

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/csikit/csikit/internal/kubeapi"
)

// Kubernetes reads the Node object of that name with the pod's service account:
// its providerID and its well-known labels.
func Kubernetes(node string) MetadataSource { return kubernetesSource{node, kubeapi.InPod()} }

type kubernetesSource struct {
	node   string
	client kubeapi.Client
}

// A nodeObject is what is read of a Node.
type nodeObject struct {
	Metadata struct{ Labels map[string]string }
	Spec     struct{ ProviderID string }
}

// Metadata implements [MetadataSource].
func (s kubernetesSource) Metadata(ctx context.Context) (Metadata, error) {
	var node nodeObject
	if err := s.client.Get(ctx, "/api/v1/nodes/"+url.PathEscape(s.node), &node); err != nil {
		return Metadata{}, fmt.Errorf("node %s: %w", s.node, err)
	}
	labels := node.Metadata.Labels
	m := Metadata{
		Type:    cmp.Or(labels["node.kubernetes.io/instance-type"], labels["beta.kubernetes.io/instance-type"]),
		Zone:    labels[keyKubernetesZone],
		Volumes: -1,
	}
	if strings.HasPrefix(node.Spec.ProviderID, "aws://") { // aws:///us-east-1a/i-0123456789abcdef0
		m.InstanceID = path.Base(node.Spec.ProviderID)
	}
	return m, nil
}
