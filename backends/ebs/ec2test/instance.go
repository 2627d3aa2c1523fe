package ec2test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The states of an instance that matter here.
const (
	running    = "running"
	stopped    = "stopped"
	terminated = "terminated"
)

// An Instance is a machine that volumes can be attached to. Fields left empty
// get a value when it is added.
type Instance struct {
	ID         string // i-0…
	Name       string // a second name for IMDS; that of a Kubernetes node, say
	Type       string // m5.large
	Zone       string // the first one of the region
	State      string // running
	Interfaces int    // network interfaces; 1
	OutpostARN string
	PrivateIP  string
	Tags       map[string]string
	Launched   time.Time
	// NoRoot leaves out the root volume, which otherwise is attached as
	// /dev/xvda.
	NoRoot bool
	// DataVolumes is how many volumes, beside the root, are attached from the
	// launch on, as /dev/xvdb and so on.
	DataVolumes int
	// BootVolumes were attached when the instance was launched, root first:
	// what the metadata service lists for as long as it runs.
	BootVolumes []string
}

func (i *Instance) clone() *Instance {
	c := *i
	c.Tags, c.BootVolumes = maps.Clone(i.Tags), slices.Clone(i.BootVolumes)
	return &c
}

// AddInstance launches an instance, at once running, with a root volume, and
// returns it as it is. One whose ID is known already is returned unchanged.
func (s *Server) AddInstance(i Instance) (Instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addInstance(i)
}

func (s *Server) addInstance(i Instance) (Instance, error) {
	if known := s.instances.truth(i.ID); i.ID != "" && known != nil {
		s.first = cmp.Or(s.first, i.ID)
		return *known.clone(), nil
	}
	now := s.now()
	if err := s.completeInstance(&i, now); err != nil {
		return Instance{}, err
	}
	if !i.NoRoot {
		for n := range 1 + i.DataVolumes {
			i.BootVolumes = append(i.BootVolumes, s.addBootVolume(&i, rootDevice[:len(rootDevice)-1]+string(rune('a'+n)), now))
		}
	}
	s.instances.put(i.ID, i.clone(), now, s.keep(now))
	s.first = cmp.Or(s.first, i.ID)
	s.dirty = true
	return i, s.save()
}

func (s *Server) completeInstance(i *Instance, now time.Time) error {
	if i.ID == "" {
		i.ID = s.newID("i")
	}
	if err := wellFormed("i", i.ID); err != nil {
		return fmt.Errorf("ec2test: the id %q of an instance: %w", i.ID, err)
	}
	if i.Type == "" {
		i.Type = "m5.large"
	}
	if s.instanceType(i.Type).Name == "" {
		return fmt.Errorf("ec2test: the type %q of instance %s is unknown: add it to Options.InstanceTypes", i.Type, i.ID)
	}
	if i.Zone == "" {
		i.Zone = s.o.Zones[0].Name
	}
	if s.zoneID(i.Zone) == "" {
		return fmt.Errorf("ec2test: the zone %q of instance %s does not exist", i.Zone, i.ID)
	}
	if i.State == "" {
		i.State = running
	}
	if i.PrivateIP == "" {
		i.PrivateIP = fmt.Sprintf("10.0.%d.%d", len(s.instances.rows)/250, 4+len(s.instances.rows)%250)
	}
	i.Interfaces, i.Launched = max(1, i.Interfaces), now
	return nil
}

// addBootVolume makes a volume that an instance has from its launch on. It never
// becomes a device of this machine.
func (s *Server) addBootVolume(i *Instance, device string, now time.Time) string {
	root := &Volume{ID: s.newID("vol"), Type: "gp3", Zone: i.Zone, State: inUse, Size: 8, IOPS: 3000, Throughput: 125, Created: now, Status: statusOK,
		Attachments: []Attachment{{InstanceID: i.ID, Device: device, State: attached, Since: now, DeleteOnTermination: true}}}
	s.volumes.put(root.ID, root, now, s.keep(now))
	return root.ID
}

const rootDevice = "/dev/xvda"

// SetInstanceState stops, starts or terminates an instance: running, stopped
// or terminated. Terminating detaches its volumes at once, and deletes its
// root.
func (s *Server) SetInstanceState(id, state string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := existing(s.instances, "i", id)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{running, stopped, terminated, "pending", "stopping", "shutting-down"}, state) {
		return fmt.Errorf("ec2test: %q is no state of an instance", state)
	}
	now := s.now()
	i.State = state
	s.instances.put(id, i, s.visible(now), s.keep(now))
	if state == terminated {
		s.detachAll(i, now)
	}
	s.dirty = true
	return s.save()
}

func (s *Server) detachAll(i *Instance, now time.Time) {
	for _, id := range s.volumes.ids() {
		v := s.volumes.truth(id)
		if v == nil || v.attachment(i.ID) == nil {
			continue
		}
		a := v.attachment(i.ID)
		if a.DeleteOnTermination {
			s.dropVolume(v, now)
			continue
		}
		a.State, a.Force, a.Due = detaching, true, now
		s.stepAttachments(v, now, now)
		s.putVolume(v, now)
	}
}

// A mapped volume is an entry of an instance's block device mapping.
type mapped struct {
	Attachment
	volume string
}

// mapping is an instance's true block device mapping, in the order of device
// names.
func (s *Server) mapping(instance string) []mapped {
	return s.mappings(func(id string) *Volume { return s.volumes.truth(id) })[instance]
}

// mappings are the block device mappings of all instances.
func (s *Server) mappings(row func(id string) *Volume) map[string][]mapped {
	all := map[string][]mapped{}
	for id := range s.volumes.rows {
		if v := row(id); v != nil {
			for _, a := range v.Attachments {
				all[a.InstanceID] = append(all[a.InstanceID], mapped{a, id})
			}
		}
	}
	for _, list := range all {
		slices.SortFunc(list, func(a, b mapped) int {
			if a.Device != b.Device {
				return strings.Compare(a.Device, b.Device)
			}
			return strings.Compare(a.volume, b.volume)
		})
	}
	return all
}

func (s *Server) putInstance(i *Instance, now time.Time) {
	s.instances.put(i.ID, i, s.visible(now), s.keep(now))
	s.dirty = true
}

func (i *Instance) privateDNS(region string) string {
	return "ip-" + strings.ReplaceAll(i.PrivateIP, ".", "-") + "." + region + ".compute.internal"
}

// interfaceID and mac are made of the instance's id.
func (i *Instance) interfaceID(n int) string { return fmt.Sprintf("eni-%s%02x", i.ID[len(i.ID)-6:], n) }

func (i *Instance) mac(n int) string {
	hex := i.ID[len(i.ID)-6:]
	return fmt.Sprintf("0a:%02x:00:%s:%s:%s", n, hex[:2], hex[2:4], hex[4:])
}
