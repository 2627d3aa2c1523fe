package startuptaint

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/csikit/csikit/internal/kubeapi"
)

// Options say which taint of which node is removed, and when.
type Options struct {
	// API is the cluster's; the service account must be allowed to get CSINodes
	// and to get, watch and patch Nodes.
	API kubeapi.Client
	// Node is the name of this node's object, Driver the CSI name of the driver,
	// Taint the key of the taint. Required.
	Node, Driver, Taint string
	// Registered is closed when the kubelet has registered the driver; nil if
	// nobody tells.
	Registered <-chan struct{}
	// For is how long the taint is looked for, from when the driver is ready; 0
	// is 10 minutes.
	For time.Duration
	// Retry is the pause after a first failure; it doubles up to 30 times that.
	// 0 is a second.
	Retry time.Duration
	// Logger is told of what is removed and of what fails.
	Logger *slog.Logger
}

// Remove waits until the driver is ready and removes the taint as often as it is
// seen, until o.For is over or ctx ends.
func Remove(ctx context.Context, o Options) {
	if o.For == 0 {
		o.For = 10 * time.Minute
	}
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	if o.Registered != nil {
		select {
		case <-o.Registered:
		case <-ctx.Done():
			return
		}
	}
	o.insist(ctx, o.listed)
	ctx, cancel := context.WithTimeout(ctx, o.For)
	defer cancel()
	o.insist(ctx, func(ctx context.Context) (bool, error) { return false, o.watch(ctx) })
}

// insist repeats what is not done until ctx ends.
func (o *Options) insist(ctx context.Context, try func(context.Context) (done bool, err error)) {
	_ = kubeapi.Retry{Pause: o.Retry, Most: 30 * o.Retry, Warn: func(err error) {
		o.Logger.Warn("the start-up taint cannot be removed yet; trying again", "taint", o.Taint, "node", o.Node, "error", err)
	}}.Until(ctx, try)
}

// listed reports whether this node's CSINode has the driver.
func (o *Options) listed(ctx context.Context) (bool, error) {
	var node struct {
		Spec struct{ Drivers []struct{ Name string } }
	}
	if err := o.API.Get(ctx, "/apis/storage.k8s.io/v1/csinodes/"+url.PathEscape(o.Node), &node); err != nil {
		return false, err
	}
	for _, d := range node.Spec.Drivers {
		if d.Name == o.Driver {
			return true, nil
		}
	}
	return false, fmt.Errorf("CSINode %s does not list driver %s: the kubelet has not registered it", o.Node, o.Driver)
}

const nodes = "/api/v1/nodes"

// watch removes the taint whenever the node is seen with it.
func (o *Options) watch(ctx context.Context) error {
	return o.API.Watch(ctx, nodes, o.Node, "", func(kind string, object json.RawMessage) (bool, error) {
		if kind == kubeapi.Deleted {
			return false, nil
		}
		return false, o.removeFrom(ctx, object)
	})
}

// removeFrom removes the taint from a node that was seen. If the node has changed
// since, the watch has news of it.
func (o *Options) removeFrom(ctx context.Context, object json.RawMessage) error {
	patch, err := without(object, o.Taint)
	if err != nil || len(patch) == 0 {
		return err
	}
	err = o.API.Patch(ctx, nodes+"/"+url.PathEscape(o.Node), patch)
	if kubeapi.Refused(err, http.StatusUnprocessableEntity, http.StatusConflict, http.StatusNotFound) {
		return nil
	}
	if err == nil {
		o.Logger.Info("the start-up taint is removed: the driver is ready", "taint", o.Taint, "node", o.Node)
	}
	return err
}

// without is the patch that removes all taints with a key from a node: the last
// one first, since those behind it move up. Each is tested to be still there, as
// it was seen.
func without(object json.RawMessage, key string) (patch []kubeapi.Operation, err error) {
	var node struct {
		Spec struct{ Taints []json.RawMessage }
	}
	if err := json.Unmarshal(object, &node); err != nil {
		return nil, err
	}
	for i := len(node.Spec.Taints) - 1; i >= 0; i-- {
		var taint struct{ Key string }
		if err := json.Unmarshal(node.Spec.Taints[i], &taint); err != nil {
			return nil, err
		}
		if taint.Key == key {
			at := fmt.Sprint("/spec/taints/", i)
			patch = append(patch, kubeapi.Operation{Op: "test", Path: at, Value: node.Spec.Taints[i]}, kubeapi.Operation{Op: "remove", Path: at})
		}
	}
	return patch, nil
}
