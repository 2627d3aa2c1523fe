package csitest

import (
	"maps"
	"os"
	"slices"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// An object is something that a check has made and that is removed at its end.
type object interface{ remove() }

// A volume is a volume as a CO handles it. Its steps end the check if an RPC
// fails; the requests can be edited and sent by hand to see an error.
type volume struct {
	s *session
	*csipb.Volume
	request *csipb.CreateVolumeRequest
	dir     string // its name in paths
	cap     *csipb.VolumeCapability
	context map[string]string // publish_context
	nodes   []string          // attached to
	targets []string          // published at
}

// capability is the spec's form of an access mode.
func (s *session) capability(mode csi.AccessMode) *csipb.VolumeCapability {
	c := &csipb.VolumeCapability{AccessMode: &csipb.VolumeCapability_AccessMode{Mode: csipb.VolumeCapability_AccessMode_Mode(mode)}}
	if s.isBlock() {
		return asBlock(c)
	}
	c.AccessType = &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{}}
	return c
}

func asBlock(c *csipb.VolumeCapability) *csipb.VolumeCapability {
	c.AccessType = &csipb.VolumeCapability_Block{Block: &csipb.VolumeCapability_BlockVolume{}}
	return c
}

// createRequest asks for a volume of the harness's size.
func (s *session) createRequest(edit ...func(*csipb.CreateVolumeRequest)) *csipb.CreateVolumeRequest {
	r := &csipb.CreateVolumeRequest{
		Name:               s.name("volume"),
		CapacityRange:      &csipb.CapacityRange{RequiredBytes: s.h.size()},
		VolumeCapabilities: []*csipb.VolumeCapability{s.capability(s.mode())},
		Parameters:         maps.Clone(s.h.Parameters),
		Secrets:            s.h.secrets(),
	}
	for _, e := range edit {
		e(r)
	}
	return r
}

// create makes a volume.
func (s *session) create(edit ...func(*csipb.CreateVolumeRequest)) *volume {
	s.Helper()
	r := s.createRequest(edit...)
	resp, err := s.controller.CreateVolume(s.ctx(), r)
	s.must("CreateVolume "+r.GetName(), err)
	return s.adopt(r, resp)
}

// createMode makes a volume of one access mode.
func (s *session) createMode(mode csi.AccessMode) *volume {
	s.Helper()
	return s.create(func(r *csipb.CreateVolumeRequest) {
		r.VolumeCapabilities = []*csipb.VolumeCapability{s.capability(mode)}
	})
}

// adopt takes the volume that a request has made; an id is adopted once.
func (s *session) adopt(r *csipb.CreateVolumeRequest, resp *csipb.CreateVolumeResponse) *volume {
	for _, o := range s.objects {
		if v, ok := o.(*volume); ok && v.GetVolumeId() == resp.GetVolume().GetVolumeId() {
			return v
		}
	}
	v := &volume{s: s, Volume: resp.GetVolume(), request: r, dir: s.name("pvc"), cap: r.GetVolumeCapabilities()[0]}
	s.objects = append(s.objects, v)
	return v
}

func (v *volume) attachRequest(node string, edit ...func(*csipb.ControllerPublishVolumeRequest)) *csipb.ControllerPublishVolumeRequest {
	r := &csipb.ControllerPublishVolumeRequest{
		VolumeId: v.GetVolumeId(), NodeId: node, VolumeCapability: v.cap,
		VolumeContext: v.GetVolumeContext(), Secrets: v.s.h.secrets(),
	}
	for _, e := range edit {
		e(r)
	}
	return r
}

// attach attaches the volume to a node if the driver attaches at all.
func (v *volume) attach(node string) *volume {
	v.s.Helper()
	if !attaches.met(v.s) {
		return v
	}
	resp, err := v.s.controller.ControllerPublishVolume(v.s.ctx(), v.attachRequest(node))
	v.s.must("ControllerPublishVolume "+v.GetVolumeId(), err)
	if node == v.s.nodeID {
		v.context = resp.GetPublishContext()
	}
	v.nodes = append(v.nodes, node)
	return v
}

func (v *volume) detachRequest(node string) *csipb.ControllerUnpublishVolumeRequest {
	return &csipb.ControllerUnpublishVolumeRequest{VolumeId: v.GetVolumeId(), NodeId: node, Secrets: v.s.h.secrets()}
}

func (v *volume) detach(node string) {
	v.s.Helper()
	if !attaches.met(v.s) {
		return
	}
	_, err := v.s.controller.ControllerUnpublishVolume(v.s.ctx(), v.detachRequest(node))
	v.s.must("ControllerUnpublishVolume "+v.GetVolumeId(), err)
}

func (v *volume) staging() string { return v.s.path("staging", v.dir, "globalmount") }

func (v *volume) stageRequest(edit ...func(*csipb.NodeStageVolumeRequest)) *csipb.NodeStageVolumeRequest {
	v.s.must("mkdir", os.MkdirAll(v.staging(), 0o750))
	r := &csipb.NodeStageVolumeRequest{
		VolumeId: v.GetVolumeId(), StagingTargetPath: v.staging(), VolumeCapability: v.cap,
		VolumeContext: v.GetVolumeContext(), PublishContext: v.context, Secrets: v.s.h.secrets(),
	}
	for _, e := range edit {
		e(r)
	}
	return r
}

// stage attaches the volume to this node and stages it, as far as the driver
// has these steps.
func (v *volume) stage() *volume {
	v.s.Helper()
	v.attach(v.s.nodeID)
	if stages.met(v.s) {
		_, err := v.s.node.NodeStageVolume(v.s.ctx(), v.stageRequest())
		v.s.must("NodeStageVolume "+v.GetVolumeId(), err)
	}
	return v
}

func (v *volume) unstageRequest() *csipb.NodeUnstageVolumeRequest {
	return &csipb.NodeUnstageVolumeRequest{VolumeId: v.GetVolumeId(), StagingTargetPath: v.staging()}
}

func (v *volume) unstage() {
	v.s.Helper()
	if stages.met(v.s) {
		_, err := v.s.node.NodeUnstageVolume(v.s.ctx(), v.unstageRequest())
		v.s.must("NodeUnstageVolume "+v.GetVolumeId(), err)
	}
}

// target returns the path of a pod's mount; its parent exists.
func (v *volume) target(pod string) string {
	p := v.s.path("pods", pod, v.dir, "mount")
	if !slices.Contains(v.targets, p) {
		v.targets = append(v.targets, p)
	}
	return p
}

func (v *volume) publishRequest(pod string, edit ...func(*csipb.NodePublishVolumeRequest)) *csipb.NodePublishVolumeRequest {
	return v.publishAt(v.target(pod), edit...)
}

func (v *volume) publishAt(target string, edit ...func(*csipb.NodePublishVolumeRequest)) *csipb.NodePublishVolumeRequest {
	r := &csipb.NodePublishVolumeRequest{
		VolumeId: v.GetVolumeId(), TargetPath: target, VolumeCapability: v.cap,
		VolumeContext: maps.Clone(v.GetVolumeContext()), PublishContext: v.context, Secrets: v.s.h.secrets(),
	}
	if stages.met(v.s) {
		r.StagingTargetPath = v.staging()
	}
	for _, e := range edit {
		e(r)
	}
	return r
}

// publish publishes the staged volume to a pod and returns the target path.
func (v *volume) publish(pod string, edit ...func(*csipb.NodePublishVolumeRequest)) string {
	v.s.Helper()
	r := v.publishRequest(pod, edit...)
	_, err := v.s.node.NodePublishVolume(v.s.ctx(), r)
	v.s.must("NodePublishVolume "+v.GetVolumeId(), err)
	return r.GetTargetPath()
}

func (v *volume) unpublishRequest(target string) *csipb.NodeUnpublishVolumeRequest {
	return &csipb.NodeUnpublishVolumeRequest{VolumeId: v.GetVolumeId(), TargetPath: target}
}

func (v *volume) unpublish(target string) {
	v.s.Helper()
	_, err := v.s.node.NodeUnpublishVolume(v.s.ctx(), v.unpublishRequest(target))
	v.s.must("NodeUnpublishVolume "+v.GetVolumeId(), err)
}

func (v *volume) deleteRequest() *csipb.DeleteVolumeRequest {
	return &csipb.DeleteVolumeRequest{VolumeId: v.GetVolumeId(), Secrets: v.s.h.secrets()}
}

func (v *volume) delete() {
	v.s.Helper()
	_, err := v.s.controller.DeleteVolume(v.s.ctx(), v.deleteRequest())
	v.s.must("DeleteVolume "+v.GetVolumeId(), err)
}

// remove undoes every step, done or not: each must answer OK.
func (v *volume) remove() {
	v.s.Helper()
	for _, target := range v.targets {
		v.unpublish(target)
	}
	v.unstage()
	for _, node := range v.nodes {
		v.detach(node)
	}
	v.delete()
}
