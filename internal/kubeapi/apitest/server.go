// Package apitest stands in for a Kubernetes API server in tests: objects that are
// read, listed in pages, watched one by one, and JSON patches of a node's taints.
package apitest

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/kubeapi"
)

// token is the one that the server knows.
const token = "rotated"

// An Object is what is kept: decoded JSON.
type Object = map[string]any

// A Server keeps objects by their path.
type Server struct {
	// Client reaches the server.
	Client kubeapi.Client

	mu       sync.Mutex
	objects  map[string]Object
	events   []event
	changed  chan struct{} // closed at each change
	requests []string
	refuse   func(*http.Request) int
}

// An event is a change of an object. Its place among all is the object's version.
type event struct {
	path, kind string
	object     json.RawMessage
}

// New starts a server, until the test ends.
func New(t testing.TB) *Server {
	s := &Server{objects: map[string]Object{}, changed: make(chan struct{})}
	web := httptest.NewTLSServer(s)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	account := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(account, "ca.crt"), ca, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(account, "token"), []byte(token+"\n"), 0o600))
	s.Client = kubeapi.Client{Host: strings.TrimPrefix(web.URL, "https://"), Account: account}
	return s
}

// Put makes or replaces the object at a path.
func (s *Server) Put(at string, o Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := kubeapi.Modified
	if s.objects[at] == nil {
		kind = kubeapi.Added
	}
	s.objects[at] = o
	s.note(at, kind, o)
}

// note gives an object a new version, and tells those who watch.
func (s *Server) note(at, kind string, o Object) {
	meta, _ := o["metadata"].(Object)
	if meta == nil {
		meta = Object{}
		o["metadata"] = meta
	}
	meta["name"], meta["resourceVersion"] = path.Base(at), strconv.Itoa(len(s.events)+1)
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	s.events = append(s.events, event{at, kind, text})
	close(s.changed)
	s.changed = make(chan struct{})
}

// Delete removes objects, all at once.
func (s *Server) Delete(paths ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range paths {
		if o := s.objects[at]; o != nil {
			delete(s.objects, at)
			s.note(at, kubeapi.Deleted, o)
		}
	}
}

// Refuse makes the server answer requests with the HTTP status that f returns; 0
// serves them.
func (s *Server) Refuse(f func(*http.Request) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

// Requests are all that were made, such as "GET /api/v1/nodes/worker-1"; a watch
// is "WATCH".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Taints are those of the node at a path.
func (s *Server) Taints(at string) []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	spec, _ := s.objects[at]["spec"].(Object)
	taints, _ := spec["taints"].([]any)
	return taints
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if r.URL.Query().Has("watch") {
		method = "WATCH"
	}
	s.mu.Lock()
	s.requests = append(s.requests, method+" "+r.URL.Path)
	refuse := s.refuse
	s.mu.Unlock()
	code := 0
	if r.Header.Get("Authorization") != "Bearer "+token {
		code = http.StatusUnauthorized
	} else if refuse != nil {
		code = refuse(r)
	}
	switch {
	case code != 0:
		w.WriteHeader(code)
	case method == "WATCH":
		s.watch(w, r)
	case method == http.MethodPatch:
		s.patch(w, r)
	default:
		s.get(w, r)
	}
}

func answer(w http.ResponseWriter, o any) {
	if json.NewEncoder(w).Encode(o) != nil {
		panic(http.ErrAbortHandler) // the client has left
	}
}
