package csitest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

var dataChecks = []check{
	{"Data/OutlivesUnstage", "what is written to a volume is there when it is staged again, after a restart too", []need{provisions, devices}, dataOutlivesUnstage},
	{"Data/EveryFileSystem", "every file system of Harness.FSTypes is made, mounted, written and found again", []need{provisions, devices, fileSystem}, dataEveryFileSystem},
	{"Data/RestoreHasIt", "a volume made from a snapshot has the data of the snapshot, not of the volume now, and its file system all of the larger size", []need{provisions, devices, snapshots}, dataRestore},
	{"Data/CloneHasIt", "a clone has the data of its source and is independent of it", []need{provisions, devices, clones}, dataClone},
	{"Data/GrowthKeepsIt", "growth keeps the data", []need{provisions, devices, expandsNode}, dataGrowth},
	{"Data/ReadonlyRefusesWrites", "a target that is published readonly refuses writes with EROFS (spec.md, NodePublishVolume)", []need{provisions, devices, fileSystem}, dataReadonly},
	{"Data/RawBlock", "a raw volume is a block device at the target, keeps its data, and can be published again", []need{provisions, devices, rawBlock}, dataRawBlock},
	{"Data/NewIsEmpty", "a new volume does not show the data of a deleted one", []need{provisions, devices}, dataNewIsEmpty},
}

const dataSize = 1 << 20

// payload returns data that only this seed has.
func payload(seed uint64) []byte {
	data := make([]byte, dataSize)
	chacha := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = chacha.Read(data)
	return data
}

// file is where the data of a published volume is.
func (v *volume) file(target string) string {
	if v.cap.GetBlock() != nil {
		return target
	}
	return filepath.Join(target, "data")
}

// write writes the payload of a seed to the volume, durably.
func (v *volume) write(target string, seed uint64) {
	v.s.Helper()
	f, err := os.OpenFile(v.file(target), os.O_WRONLY|os.O_CREATE, 0o600)
	v.s.must("open for writing", err)
	_, err = f.Write(payload(seed))
	v.s.must("write", errors.Join(err, f.Sync(), f.Close()))
}

// wantData proves that the volume has the payload of a seed.
func (v *volume) wantData(target string, seed uint64) {
	v.s.Helper()
	f, err := os.Open(v.file(target))
	if err != nil {
		v.s.Errorf("the data of volume %s: %v", v.GetVolumeId(), err)
		return
	}
	data := make([]byte, dataSize)
	if _, err = f.Read(data); err != nil || !bytes.Equal(data, payload(seed)) {
		v.s.Errorf("volume %s at %s has other data than was written (%v)", v.GetVolumeId(), target, err)
	}
	v.s.must("close", f.Close())
}

// away unpublishes, unstages and detaches the volume.
func (v *volume) away(target string) {
	v.s.Helper()
	v.unpublish(target)
	v.unstage()
	v.detach(v.s.nodeID)
}

func dataOutlivesUnstage(s *session) {
	v := s.create()
	target := v.stage().publish("pod")
	v.write(target, 1)
	for _, between := range []func(){func() {}, s.restart} {
		v.away(target)
		between()
		v.wantData(v.stage().publish("pod"), 1)
	}
}

func dataEveryFileSystem(s *session) {
	for i, fstype := range s.h.FSTypes {
		c := s.capability(s.mode())
		c.GetMount().FsType = fstype
		v := s.create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities = []*csipb.VolumeCapability{c} })
		target := v.stage().publish("pod")
		if info := s.mounted(target); info.Type != fstype {
			s.Errorf("asked for %s, mounted is %s", fstype, info.Type)
		}
		v.write(target, uint64(i))
		v.away(target)
		v.wantData(v.stage().publish("pod"), uint64(i))
	}
}

func dataRestore(s *session) {
	v := s.create()
	target := v.stage().publish("pod")
	v.write(target, 1)
	n := v.snapshot()
	v.write(target, 2)
	restored := s.create(fromSnapshot(n.GetSnapshotId()), func(r *csipb.CreateVolumeRequest) {
		r.CapacityRange = &csipb.CapacityRange{RequiredBytes: 2 * s.h.size()}
	})
	at := restored.stage().publish("restored")
	restored.wantData(at, 1)
	if total := restored.total(at); total < s.h.size()*12/10 {
		s.Errorf("the restored volume has %d bytes, its file system %d", restored.GetCapacityBytes(), total)
	}
	v.wantData(target, 2)
}

func dataClone(s *session) {
	v := s.create()
	target := v.stage().publish("pod")
	v.write(target, 1)
	clone := s.create(fromVolume(v.GetVolumeId()))
	at := clone.stage().publish("clone")
	clone.wantData(at, 1)
	clone.write(at, 2)
	v.wantData(target, 1)
}

func dataGrowth(s *session) {
	v := s.create()
	target := v.stage().publish("pod")
	v.write(target, 1)
	v.grow(v.nodeSize())
	_, err := s.node.NodeExpandVolume(s.ctx(), &csipb.NodeExpandVolumeRequest{
		VolumeId: v.GetVolumeId(), VolumePath: target, StagingTargetPath: v.staging(), VolumeCapability: v.cap,
		CapacityRange: &csipb.CapacityRange{RequiredBytes: v.nodeSize()}, Secrets: s.h.secrets(),
	})
	s.must("NodeExpandVolume", err)
	v.wantData(target, 1)
	v.away(target)
	v.wantData(v.stage().publish("pod"), 1)
}

func dataReadonly(s *session) {
	v := s.create().stage()
	target := v.publish("pod", func(r *csipb.NodePublishVolumeRequest) { r.Readonly = true })
	if err := os.WriteFile(v.file(target), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		s.Errorf("writing to a target that is published readonly: %v, want EROFS", err)
	}
}

func dataRawBlock(s *session) {
	c := asBlock(s.capability(s.offers.block[0]))
	v := s.create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities = []*csipb.VolumeCapability{c} })
	target := v.stage().publish("pod")
	info, err := os.Stat(target)
	s.must("stat the target", err)
	if info.Mode()&os.ModeDevice == 0 || info.Mode()&os.ModeCharDevice != 0 {
		s.Errorf("the target of a raw volume is %v, want a block device", info.Mode())
	}
	v.write(target, 1)
	v.away(target)
	v.wantData(v.stage().publish("pod"), 1)
}

func dataNewIsEmpty(s *session) {
	v := s.create()
	target := v.stage().publish("pod")
	v.write(target, 1)
	v.away(target)
	v.delete()
	fresh := s.create()
	at := fresh.stage().publish("pod")
	if f, err := os.Open(fresh.file(at)); err == nil && fresh.cap.GetBlock() == nil {
		s.Errorf("a new volume has a file of a deleted one")
		s.must("close", f.Close())
	}
}
