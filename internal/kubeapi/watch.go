package kubeapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The types of events that have an object.
const (
	Added    = "ADDED"
	Modified = "MODIFIED"
	Deleted  = "DELETED"
)

// watchFor is how long the server keeps a watch open. A connection that has died
// unnoticed is given up a little later.
const watchFor = time.Minute

// Watch follows the one object of that name in a collection, such as
// /api/v1/nodes, and calls each for every event of it, with the type of the event
// and the object, until each says that it is done. version is where to begin: the
// resourceVersion of that object as it was read; "" begins with an event of the
// object as the server remembers it, if it is there. That may be a moment old, but
// asks for no more: a watch that must be up to date ends with "Too large resource
// version" where the server has heard nothing of its etcd for a while.
//
// It returns nil when each is done, and when the server ends the watch, which it
// does every minute: then look at the object and watch again.
func (c Client) Watch(ctx context.Context, collection, name, version string, each func(kind string, object json.RawMessage) (done bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, watchFor+timeout)
	defer cancel()
	query := url.Values{
		"watch": {"true"}, "fieldSelector": {"metadata.name=" + name},
		"timeoutSeconds": {strconv.Itoa(int(watchFor.Seconds()))}, "resourceVersion": {cmp.Or(version, "0")},
	}
	return c.do(ctx, http.MethodGet, collection+"?"+query.Encode(), nil, func(body io.Reader) error {
		for events := json.NewDecoder(body); ; {
			var event struct {
				Type   string
				Object json.RawMessage
			}
			if err := events.Decode(&event); err != nil {
				if errors.Is(err, io.EOF) {
					return context.Cause(ctx) // the end of ctx may look like the server's
				}
				return err
			}
			switch event.Type {
			case Added, Modified, Deleted:
				if done, err := each(event.Type, event.Object); done || err != nil {
					return err
				}
			case "ERROR": // such as a version that the server has forgotten
				return fmt.Errorf("the API server ends the watch of %s %s: %s", collection, name, event.Object)
			}
		}
	})
}
