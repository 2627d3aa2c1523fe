package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/csikit/csikit/internal/kubeapi"
)

// get answers an object, or a page of a collection: a path with a limit.
func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil {
		if o := s.objects[r.URL.Path]; o != nil {
			answer(w, o)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var found []string
	for at := range s.objects {
		if path.Dir(at) == r.URL.Path && at > r.URL.Query().Get("continue") {
			found = append(found, at)
		}
	}
	slices.Sort(found)
	meta := Object{}
	if len(found) > limit {
		found = found[:limit]
		meta["continue"] = found[limit-1]
	}
	items := []Object{}
	for _, at := range found {
		items = append(items, s.objects[at])
	}
	answer(w, Object{"metadata": meta, "items": items})
}

// watch sends the events of one object: those after a version, or, for version 0,
// first the object as it is. Without a version a server may end the watch, as one
// of Kubernetes 1.34 does that has heard nothing of its etcd for a while.
func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	at := path.Join(r.URL.Path, strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name="))
	s.mu.Lock()
	next, err := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	if err != nil {
		answer(w, Object{"type": "ERROR", "object": Object{"code": 504, "message": "Timeout: Too large resource version: 244, current: 242"}})
		s.mu.Unlock()
		return
	}
	if next == 0 {
		next = len(s.events)
		if o := s.objects[at]; o != nil {
			answer(w, Object{"type": kubeapi.Added, "object": o})
		}
	}
	for {
		for _, e := range s.events[next:] {
			if e.path == at {
				answer(w, Object{"type": e.kind, "object": e.object})
			}
		}
		next = len(s.events)
		changed := s.changed
		s.mu.Unlock()
		w.(http.Flusher).Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
		s.mu.Lock()
	}
}

// patch executes "test" and "remove" of items of spec.taints.
func (s *Server) patch(w http.ResponseWriter, r *http.Request) {
	var operations []kubeapi.Operation
	if r.Header.Get("Content-Type") != "application/json-patch+json" || json.NewDecoder(r.Body).Decode(&operations) != nil {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[r.URL.Path]
	if o == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	spec := o["spec"].(Object)
	taints, _ := spec["taints"].([]any)
	taints = slices.Clone(taints)
	for _, op := range operations {
		var i int
		if _, err := fmt.Sscanf(op.Path, "/spec/taints/%d", &i); err != nil || i >= len(taints) || op.Op == "test" && !same(op.Value, taints[i]) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		if op.Op == "remove" {
			taints = slices.Delete(taints, i, i+1)
		}
	}
	spec["taints"] = taints
	s.note(r.URL.Path, kubeapi.Modified, o)
	answer(w, o)
}

func same(text json.RawMessage, have any) bool {
	var want any
	return json.Unmarshal(text, &want) == nil && reflect.DeepEqual(want, have)
}
