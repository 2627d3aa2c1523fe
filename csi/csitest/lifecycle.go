package csitest

import (
	"slices"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// A step is one RPC of a volume's life. It may be repeated.
type step struct {
	rpc  string
	read bool // it changes nothing
	run  func() error
}

// life is the life of a volume, of a snapshot of it, and of the volumes made
// from both, by all RPCs that the driver offers.
type life struct {
	s      *session
	v      *volume
	n      *snapshot
	target string
	copies []*volume
	made   map[string]*volume // by name
	steps  []step
}

func (s *session) newLife() *life {
	l := &life{s: s, made: map[string]*volume{}}
	request := s.createRequest()
	l.add("CreateVolume", func() (err error) { l.v, err = l.create(request); return err })
	l.up()
	l.expand()
	l.snapshot()
	l.clone()
	l.down()
	return l
}

func (l *life) add(rpc string, run func() error) {
	l.steps = append(l.steps, step{rpc: rpc, run: run})
}

// create sends a create request. Repeated, it must give the same volume.
func (l *life) create(r *csipb.CreateVolumeRequest) (*volume, error) {
	resp, err := l.s.controller.CreateVolume(l.s.ctx(), r)
	if err != nil {
		return nil, err
	}
	v := l.s.adopt(r, resp)
	if before := l.made[r.GetName()]; before != nil && before != v {
		l.s.Errorf("CreateVolume %s repeated made volume %s beside %s", r.GetName(), v.GetVolumeId(), before.GetVolumeId())
	}
	l.made[r.GetName()] = v
	return v, nil
}

// up brings the volume to a pod.
func (l *life) up() {
	s := l.s
	if attaches.met(s) {
		l.add("ControllerPublishVolume", func() error {
			resp, err := s.controller.ControllerPublishVolume(s.ctx(), l.v.attachRequest(s.nodeID))
			l.v.context = resp.GetPublishContext()
			l.v.nodes = []string{s.nodeID}
			return err
		})
	}
	if stages.met(s) {
		l.add("NodeStageVolume", func() error {
			_, err := s.node.NodeStageVolume(s.ctx(), l.v.stageRequest())
			return err
		})
	}
	l.add("NodePublishVolume", func() error {
		r := l.v.publishRequest("pod")
		l.target = r.GetTargetPath()
		_, err := s.node.NodePublishVolume(s.ctx(), r)
		return err
	})
}

// expand grows the published volume, reads its usage and modifies it.
func (l *life) expand() {
	s := l.s
	if expands.met(s) && s.offers.expansion != csipb.PluginCapability_VolumeExpansion_OFFLINE {
		l.add("ControllerExpandVolume", func() error {
			_, err := s.controller.ControllerExpandVolume(s.ctx(), l.v.expandRequest(2*s.h.size()))
			return err
		})
	}
	if expandsNode.met(s) {
		l.add("NodeExpandVolume", func() error {
			_, err := s.node.NodeExpandVolume(s.ctx(), &csipb.NodeExpandVolumeRequest{
				VolumeId: l.v.GetVolumeId(), VolumePath: l.target, StagingTargetPath: l.v.staging(), VolumeCapability: l.v.cap,
				CapacityRange: &csipb.CapacityRange{RequiredBytes: l.v.nodeSize()}, Secrets: s.h.secrets(),
			})
			return err
		})
	}
	if tellsStats.met(s) {
		l.add("NodeGetVolumeStats", func() error {
			_, err := s.stats(l.v.GetVolumeId(), l.target)
			return err
		})
		l.steps[len(l.steps)-1].read = true
	}
	if modifies.met(s) && mutable.met(s) {
		l.add("ControllerModifyVolume", func() error {
			_, err := s.controller.ControllerModifyVolume(s.ctx(), l.v.modifyRequest(s.h.Mutable))
			return err
		})
	}
}

// double asks for twice the size.
func (l *life) double(r *csipb.CreateVolumeRequest) {
	r.CapacityRange = &csipb.CapacityRange{RequiredBytes: 2 * l.s.h.size()}
}

// snapshot cuts a snapshot and restores it.
func (l *life) snapshot() {
	s := l.s
	if !snapshots.met(s) {
		return
	}
	name, request := s.name("snapshot"), s.createRequest(l.double)
	l.add("CreateSnapshot", func() error {
		r := l.v.snapshotRequest(func(r *csipb.CreateSnapshotRequest) { r.Name = name })
		for {
			resp, err := s.controller.CreateSnapshot(s.ctx(), r)
			if err != nil {
				return err
			}
			if l.n = s.adoptSnapshot(r, resp); l.n.GetReadyToUse() {
				return nil
			}
			s.pause("the snapshot to be ready")
		}
	})
	l.copy(request, func() func(*csipb.CreateVolumeRequest) { return fromSnapshot(l.n.GetSnapshotId()) })
}

// clone clones the volume.
func (l *life) clone() {
	if clones.met(l.s) {
		l.copy(l.s.createRequest(l.double), func() func(*csipb.CreateVolumeRequest) { return fromVolume(l.v.GetVolumeId()) })
	}
}

// copy makes a volume from a source that is known when it is made.
func (l *life) copy(r *csipb.CreateVolumeRequest, source func() func(*csipb.CreateVolumeRequest)) {
	l.add("CreateVolume", func() error {
		v, err := l.create(edited(r, source()))
		if err == nil && !slices.Contains(l.copies, v) {
			l.copies = append(l.copies, v)
		}
		return err
	})
}

// down takes everything away again.
func (l *life) down() {
	s := l.s
	l.add("NodeUnpublishVolume", func() error {
		_, err := s.node.NodeUnpublishVolume(s.ctx(), l.v.unpublishRequest(l.target))
		return err
	})
	if stages.met(s) {
		l.add("NodeUnstageVolume", func() error {
			_, err := s.node.NodeUnstageVolume(s.ctx(), l.v.unstageRequest())
			return err
		})
	}
	if attaches.met(s) {
		l.add("ControllerUnpublishVolume", func() error {
			_, err := s.controller.ControllerUnpublishVolume(s.ctx(), l.v.detachRequest(s.nodeID))
			return err
		})
	}
	l.add("DeleteVolume", func() error {
		for _, c := range slices.Backward(l.copies) {
			if _, err := s.controller.DeleteVolume(s.ctx(), c.deleteRequest()); err != nil {
				return err
			}
		}
		return nil
	})
	if snapshots.met(s) {
		l.add("DeleteSnapshot", func() error {
			_, err := s.controller.DeleteSnapshot(s.ctx(), l.n.deleteRequest())
			return err
		})
	}
	l.add("DeleteVolume", func() error {
		_, err := s.controller.DeleteVolume(s.ctx(), l.v.deleteRequest())
		return err
	})
}
