package drain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/csikit/csikit/internal/kubeapi"
	"github.com/csikit/csikit/internal/pace"
)

// Options say whose volumes are waited for.
type Options struct {
	// API is the cluster's; the service account must be allowed to get Nodes and
	// to get, list and watch VolumeAttachments.
	API kubeapi.Client
	// Node is the name of this node's object, Driver the CSI name of the driver.
	Node, Driver string
	// Retry is the pause after a first failure; it doubles up to 10 times that.
	// 0 is a second.
	Retry time.Duration
	// Logger is told what is waited for.
	Logger *slog.Logger
}

// Wait returns nil when the node is not being drained, or when no volume of the
// driver is attached to it any more. If ctx ends before, the error names what is
// left; ctx must have an end. It does not wait for an API server that refuses to
// tell whether the node is being drained, or that tells nothing for 5 pauses.
func Wait(ctx context.Context, o Options) error {
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	reason, err := o.reason(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("is node %s being drained? %w", o.Node, err)
	case reason == "":
		o.Logger.Info("the node is not being drained: nothing is waited for", "node", o.Node)
		return nil
	}
	o.Logger.Info("waiting for volumes to be detached", "node", o.Node, "since", reason)
	for {
		left, err := o.attached(ctx)
		for i := 0; err == nil && i < len(left); i++ {
			o.Logger.Info("a volume is still attached", "attachment", left[i].name, "volume", left[i].volume)
			if err = o.gone(ctx, left[i]); err != nil {
				err = fmt.Errorf("%w; still attached: %s", err, names(left[i:]))
			}
		}
		if err == nil && len(left) == 0 {
			o.Logger.Info("all volumes are detached", "node", o.Node)
		}
		if err != nil || len(left) == 0 {
			return err
		}
	}
}

// reason says why the node is taken for one that is being drained; "" if it is not.
func (o *Options) reason(ctx context.Context) (string, error) {
	var n node
	for tries, pause := 1, o.Retry; ; tries++ {
		err := o.API.Get(ctx, "/api/v1/nodes/"+url.PathEscape(o.Node), &n)
		switch {
		case err == nil:
			return n.leaving(), nil
		case kubeapi.Refused(err, http.StatusNotFound):
			return "the node is deleted", nil
		case tries == 3 || kubeapi.Refused(err, http.StatusForbidden, http.StatusUnauthorized):
			return "", err
		}
		if slept := pace.Sleep(ctx, pause); slept != nil {
			return "", errors.Join(slept, err)
		}
		pause *= 2
	}
}

// again repeats try until it is done, or until ctx ends.
func (o *Options) again(ctx context.Context, try func(context.Context) (done bool, err error)) error {
	return kubeapi.Retry{Pause: o.Retry, Most: 10 * o.Retry, Warn: func(err error) {
		o.Logger.Warn("the API server does not tell what is attached; asking again", "error", err)
	}}.Until(ctx, try)
}

// An attachment is a VolumeAttachment of this node.
type attachment struct{ name, volume string }

func names(all []attachment) string {
	var out []string
	for _, a := range all {
		out = append(out, a.volume)
	}
	return strings.Join(out, ", ")
}

const attachments = "/apis/storage.k8s.io/v1/volumeattachments"

// attached lists the attachments of this node's volumes, those that are being
// deleted too.
func (o *Options) attached(ctx context.Context) (all []attachment, err error) {
	err = o.again(ctx, func(ctx context.Context) (bool, error) {
		all = nil
		for next := ""; ; {
			var page list
			if err := o.API.Get(ctx, attachments+"?"+url.Values{"limit": {"500"}, "continue": {next}}.Encode(), &page); err != nil {
				return false, err
			}
			for _, i := range page.Items {
				if i.Spec.NodeName == o.Node && i.Spec.Attacher == o.Driver {
					all = append(all, attachment{i.Metadata.Name, i.Spec.Source.PersistentVolumeName})
				}
			}
			if next = page.Metadata.Continue; next == "" {
				return true, nil
			}
		}
	})
	return all, err
}

// gone waits until an attachment is deleted. A watch is over every minute.
func (o *Options) gone(ctx context.Context, a attachment) error {
	return o.again(ctx, func(ctx context.Context) (deleted bool, err error) {
		var seen item
		err = o.API.Get(ctx, attachments+"/"+url.PathEscape(a.name), &seen)
		if kubeapi.Refused(err, http.StatusNotFound) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		err = o.API.Watch(ctx, attachments, a.name, seen.Metadata.ResourceVersion, func(kind string, _ json.RawMessage) (bool, error) {
			deleted = kind == kubeapi.Deleted
			return deleted, nil
		})
		return deleted, err
	})
}
