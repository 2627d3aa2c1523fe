package ec2test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	imdsToken    = "X-aws-ec2-metadata-token"
	imdsTokenTTL = "X-aws-ec2-metadata-token-ttl-seconds"
	mostTokenTTL = 21600 // six hours
)

// IMDS serves the metadata service, version 2, as one instance sees it, below
// /latest/. The instance is given by id or by name; empty is the one that the
// request's user names, or the first one.
func (s *Server) IMDS(instance string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /latest/api/token", s.imdsToken)
	mux.HandleFunc("GET /latest/", func(w http.ResponseWriter, r *http.Request) {
		if !s.imdsAllowed(r.Header.Get(imdsToken)) {
			http.Error(w, "401 - Unauthorized", http.StatusUnauthorized)
			return
		}
		name := instance
		if user, _, ok := r.BasicAuth(); ok && name == "" {
			name = user
		}
		answer, ok := s.metadata(name, strings.Trim(strings.TrimPrefix(r.URL.Path, "/latest/"), "/"))
		if !ok {
			http.Error(w, "404 - Not Found", http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(answer)) // a client that has gone needs no answer
	})
	return mux
}

func (s *Server) imdsToken(w http.ResponseWriter, r *http.Request) {
	ttl, err := strconv.Atoi(r.Header.Get(imdsTokenTTL))
	if err != nil || ttl < 1 || ttl > mostTokenTTL || r.Header.Get("X-Forwarded-For") != "" {
		http.Error(w, "400 - Bad Request", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	token := fmt.Sprintf("AQAEA%016x", mix(s.o.Seed^s.requests))
	s.sessions[token] = s.now().Add(time.Duration(ttl) * time.Second)
	w.Header().Set(imdsTokenTTL, strconv.Itoa(ttl))
	_, _ = w.Write([]byte(token))
}

func (s *Server) imdsAllowed(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	maps.DeleteFunc(s.sessions, func(_ string, end time.Time) bool { return !now.Before(end) })
	_, ok := s.sessions[token]
	return ok
}

// metadata answers a path below /latest/. A path that is a directory lists what
// is in it.
func (s *Server) metadata(instance, path string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.findInstance(instance)
	if i == nil {
		i = s.launch(instance)
	}
	if i == nil {
		return "", false
	}
	tree := s.metadataOf(i)
	if answer, ok := tree[path]; ok {
		return answer, true
	}
	var entries []string
	for _, p := range slices.Sorted(maps.Keys(tree)) {
		rest, below := strings.CutPrefix(p, path+"/")
		if !below {
			continue
		}
		name, _, deeper := strings.Cut(rest, "/")
		if deeper {
			name += "/"
		}
		entries = append(entries, name)
	}
	return strings.Join(slices.Compact(entries), "\n"), len(entries) > 0
}

// findInstance returns the instance with an id or a name; the first one if
// neither is given.
func (s *Server) findInstance(name string) *Instance {
	for _, id := range s.instances.ids() {
		if i := s.instances.truth(id); name == "" && i.ID == s.first || name != "" && (i.ID == name || i.Name == name) {
			return i
		}
	}
	return nil
}

var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// launch launches an instance with a name, if unknown names are to be launched.
func (s *Server) launch(name string) *Instance {
	if s.o.Launch == nil || !nodeName.MatchString(name) || hexID.MatchString(name) {
		return nil
	}
	i := *s.o.Launch.clone()
	i.ID, i.Name = "", name
	launched, err := s.addInstance(i)
	if err != nil {
		s.o.Logger.Error("ec2test cannot launch an instance", "name", name, "error", err)
		return nil
	}
	s.o.Logger.Info("ec2test launched an instance", "name", name, "instance", launched.ID)
	return s.instances.truth(launched.ID)
}

// metadataOf has all paths that answer something. There is no outpost-arn
// unless the instance is on an outpost, and the block device mapping is that of
// the launch, as on EC2.
func (s *Server) metadataOf(i *Instance) map[string]string {
	document, err := json.MarshalIndent(map[string]any{
		"accountId": s.o.Account, "architecture": "x86_64", "availabilityZone": i.Zone, "imageId": "ami-0123456789abcdef0",
		"instanceId": i.ID, "instanceType": i.Type, "pendingTime": i.Launched.UTC().Format(time.RFC3339), "privateIp": i.PrivateIP,
		"region": s.o.Region, "version": "2017-09-30",
	}, "", "  ")
	if err != nil {
		s.o.Logger.Error("ec2test cannot make an identity document", "error", err)
	}
	tree := map[string]string{
		"dynamic/instance-identity/document":       string(document),
		"meta-data/instance-id":                    i.ID,
		"meta-data/instance-type":                  i.Type,
		"meta-data/local-ipv4":                     i.PrivateIP,
		"meta-data/local-hostname":                 i.privateDNS(s.o.Region),
		"meta-data/hostname":                       i.privateDNS(s.o.Region),
		"meta-data/placement/availability-zone":    i.Zone,
		"meta-data/placement/availability-zone-id": s.zoneID(i.Zone),
		"meta-data/placement/region":               s.o.Region,
		"meta-data/block-device-mapping/ami":       strings.TrimPrefix(rootDevice, "/dev/"),
		"meta-data/block-device-mapping/root":      rootDevice,
		"meta-data/mac":                            i.mac(0),
	}
	if i.OutpostARN != "" {
		tree["meta-data/outpost-arn"] = i.OutpostARN
	}
	for n := range i.Interfaces {
		tree["meta-data/network/interfaces/macs/"+i.mac(n)+"/device-number"] = strconv.Itoa(n)
		tree["meta-data/network/interfaces/macs/"+i.mac(n)+"/interface-id"] = i.interfaceID(n)
	}
	for n := 1; n < len(i.BootVolumes); n++ {
		tree["meta-data/block-device-mapping/ebs"+strconv.Itoa(n)] = "sd" + string(rune('a'+n))
	}
	return tree
}
