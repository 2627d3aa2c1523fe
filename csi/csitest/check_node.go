package csitest

import (
	"math"
	"os"
	"strconv"

	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

var statsChecks = []check{
	{"Rule26/Usage", "NodeGetVolumeStats of a target and of the staging path has a total, and nothing negative (spec.md, NodeGetVolumeStats)", []need{provisions, tellsStats}, statsUsage},
	{"Rule26/Unknown", "an unknown volume or path is NOT_FOUND (spec.md, NodeGetVolumeStats)", []need{provisions, tellsStats}, statsUnknown},
	{"Rule26/FieldsMissing", "a missing id or path is INVALID_ARGUMENT (spec.md, NodeGetVolumeStats)", []need{provisions, tellsStats}, statsFieldsMissing},
}

var nodeExpandChecks = []check{
	{"Rule27/EverythingIsOptional", "NodeExpandVolume needs no range, capability or staging path, and again is OK (spec.md, NodeExpandVolume)", []need{provisions, expandsNode}, nodeExpandOptional},
	{"Rule27/SeesTheGrowth", "after expansion NodeGetVolumeStats says the new size, but for the file system's own share (spec.md, NodeExpandVolume)", []need{provisions, expandsNode, tellsStats}, nodeExpandGrows},
	{"Rule27/Unknown", "an unknown volume is NOT_FOUND (spec.md, NodeExpandVolume)", []need{provisions, expandsNode}, nodeExpandUnknown},
	{"Rule27/FieldsMissing", "a missing id or path is INVALID_ARGUMENT (spec.md, NodeExpandVolume)", []need{provisions, expandsNode}, nodeExpandFieldsMissing},
}

func (s *session) stats(id, path string) (*csipb.NodeGetVolumeStatsResponse, error) {
	return s.node.NodeGetVolumeStats(s.ctx(), &csipb.NodeGetVolumeStatsRequest{VolumeId: id, VolumePath: path})
}

// total returns the bytes that the volume at path has.
func (v *volume) total(path string) int64 {
	v.s.Helper()
	resp, err := v.s.stats(v.GetVolumeId(), path)
	v.s.must("NodeGetVolumeStats", err)
	for _, u := range resp.GetUsage() {
		if u.GetUnit() == csipb.VolumeUsage_BYTES {
			return u.GetTotal()
		}
	}
	v.s.Errorf("NodeGetVolumeStats of %s tells no bytes: %v", path, resp)
	return 0
}

func statsUsage(s *session) {
	v := s.create().stage()
	paths := []string{v.publish("pod")}
	if stages.met(s) && !s.isBlock() {
		paths = append(paths, v.staging())
	}
	for _, path := range paths {
		total, most := v.total(path), int64(math.MaxInt64) // a share without a quota has all of the server
		if s.h.Devices || implements[csi.UsageReporter](s, "UsageReporter") {
			most = v.GetCapacityBytes()
		}
		if total < v.GetCapacityBytes()/2 || total > most {
			s.Errorf("NodeGetVolumeStats of %s says %d bytes, the volume has %d", path, total, v.GetCapacityBytes())
		}
	}
}

func statsUnknown(s *session) {
	v := s.create().stage()
	target := v.publish("pod")
	_, err := s.stats(v.GetVolumeId(), s.path("pods", "never", "mount"))
	s.wantCode("NodeGetVolumeStats of an unknown path", err, codes.NotFound)
	_, err = s.stats("csitest-unknown", target)
	s.wantCode("NodeGetVolumeStats of an unknown volume", err, codes.NotFound)
	v.unpublish(target)
	_, err = s.stats(v.GetVolumeId(), target)
	s.wantCode("NodeGetVolumeStats after unpublish", err, codes.NotFound)
	s.must("mkdir", os.MkdirAll(target, 0o750))
	_, err = s.stats(v.GetVolumeId(), target)
	s.wantCode("NodeGetVolumeStats of a directory where nothing is mounted", err, codes.NotFound)
	s.must("rmdir", os.Remove(target))
}

func statsFieldsMissing(s *session) {
	v := s.create().stage()
	_, err := s.stats("", v.publish("pod"))
	s.wantCode("NodeGetVolumeStats without an id", err, codes.InvalidArgument)
	_, err = s.stats(v.GetVolumeId(), "")
	s.wantCode("NodeGetVolumeStats without a path", err, codes.InvalidArgument)
}

// grow grows the volume in the controller if that expands.
func (v *volume) grow(size int64) {
	v.s.Helper()
	if expands.met(v.s) && v.s.offers.expansion != csipb.PluginCapability_VolumeExpansion_OFFLINE {
		v.expand(size)
	}
}

func nodeExpandOptional(s *session) {
	v := s.create().stage()
	target := v.publish("pod")
	v.grow(2 * s.h.size())
	for _, r := range []*csipb.NodeExpandVolumeRequest{
		{CapacityRange: &csipb.CapacityRange{RequiredBytes: v.nodeSize()}, VolumeCapability: v.cap, StagingTargetPath: v.staging(), Secrets: s.h.secrets()},
		{CapacityRange: &csipb.CapacityRange{RequiredBytes: 1}}, {VolumeCapability: v.cap}, {StagingTargetPath: v.staging()}, {},
	} {
		r.VolumeId, r.VolumePath = v.GetVolumeId(), target
		_, err := s.node.NodeExpandVolume(s.ctx(), r)
		s.wantCode("NodeExpandVolume "+r.String(), err, codes.OK)
	}
}

// nodeSize is the size that the node is asked to grow to: the controller's if
// that expands, else the node grows by itself.
func (v *volume) nodeSize() int64 {
	if expands.met(v.s) && v.s.offers.expansion == csipb.PluginCapability_VolumeExpansion_OFFLINE {
		return v.GetCapacityBytes()
	}
	return 2 * v.s.h.size()
}

func nodeExpandGrows(s *session) {
	v := s.create().stage()
	target := v.publish("pod")
	v.grow(v.nodeSize())
	_, err := s.node.NodeExpandVolume(s.ctx(), &csipb.NodeExpandVolumeRequest{
		VolumeId: v.GetVolumeId(), VolumePath: target, StagingTargetPath: v.staging(), VolumeCapability: v.cap,
		CapacityRange: &csipb.CapacityRange{RequiredBytes: v.nodeSize()}, Secrets: s.h.secrets(),
	})
	s.must("NodeExpandVolume", err)
	if total := v.total(target); total < v.nodeSize()*6/10 {
		s.Errorf("grown to %d bytes, but NodeGetVolumeStats says %d", v.nodeSize(), total)
	}
}

func nodeExpandUnknown(s *session) {
	v := s.create().stage()
	_, err := s.node.NodeExpandVolume(s.ctx(), &csipb.NodeExpandVolumeRequest{VolumeId: "csitest-unknown", VolumePath: v.publish("pod")})
	s.wantCode("NodeExpandVolume of an unknown volume", err, codes.NotFound)
}

func nodeExpandFieldsMissing(s *session) {
	_, err := s.node.NodeExpandVolume(s.ctx(), &csipb.NodeExpandVolumeRequest{VolumePath: s.path("pods", "never", "mount")})
	s.wantCode("NodeExpandVolume without an id", err, codes.InvalidArgument)
	_, err = s.node.NodeExpandVolume(s.ctx(), &csipb.NodeExpandVolumeRequest{VolumeId: "csitest"})
	s.wantCode("NodeExpandVolume without a path", err, codes.InvalidArgument)
}

var ephemeralChecks = []check{
	{"Ruling30/InlineLivesAndDies", "an inline volume is made by NodePublishVolume, needs no staging path, and is gone after NodeUnpublishVolume, restarts between them or not (csi.Ephemeral)", []need{inline}, inlineVolume},
}

// inlineRequest publishes an inline volume as the kubelet does.
func (s *session) inlineRequest(id string) *csipb.NodePublishVolumeRequest {
	return &csipb.NodePublishVolumeRequest{
		VolumeId: id, TargetPath: s.path("pods", id, "mount"), VolumeCapability: s.capability(csi.SingleNodeWriter),
		VolumeContext: map[string]string{"csi.storage.k8s.io/ephemeral": "true", "size": strconv.FormatInt(s.h.size(), 10)}, Secrets: s.h.secrets(),
	}
}

func inlineVolume(s *session) {
	for _, between := range []func(){func() {}, s.restart} {
		r := s.inlineRequest("csi-" + s.name("inline"))
		for range 2 {
			_, err := s.node.NodePublishVolume(s.ctx(), r)
			s.must("NodePublishVolume of an inline volume", err)
			s.mounted(r.GetTargetPath())
			between()
		}
		for range 2 {
			_, err := s.node.NodeUnpublishVolume(s.ctx(), &csipb.NodeUnpublishVolumeRequest{VolumeId: r.GetVolumeId(), TargetPath: r.GetTargetPath()})
			s.must("NodeUnpublishVolume of an inline volume", err)
			between()
		}
		if left, err := s.h.Backend().(csi.Ephemeral).EphemeralVolumes(s.Context()); err != nil || len(left) > 0 {
			s.Errorf("after unpublish the inline volumes %v are left (%v)", left, err)
		}
		if exists(r.GetTargetPath()) {
			s.Errorf("after unpublish the target %s is left", r.GetTargetPath())
		}
	}
}
