package main

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// A volume is what the CO remembers of a volume.
type volume struct {
	name      string // the PersistentVolume's
	fstype    string // "" is raw block
	size      int64  // requested, then granted
	id        string
	context   map[string]string
	files     map[string]written // by name, what pods wrote
	published map[string]string  // target path by pod
}

// written is how much was written and its checksum.
type written struct {
	bytes    int64
	checksum string
}

func newVolume(name, fstype string, size int64) *volume {
	return &volume{name: "pvc-" + name, fstype: fstype, size: size, files: map[string]written{}, published: map[string]string{}}
}

func newBlockVolume(name string, size int64) *volume { return newVolume(name, "", size) }

// capability is how the volume is used: read and written by pods of one node.
func (v *volume) capability() *csipb.VolumeCapability {
	c := &csipb.VolumeCapability{AccessMode: &csipb.VolumeCapability_AccessMode{
		Mode: csipb.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER}}
	if v.fstype == "" {
		c.AccessType = &csipb.VolumeCapability_Block{Block: &csipb.VolumeCapability_BlockVolume{}}
	} else {
		c.AccessType = &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{FsType: v.fstype}}
	}
	return c
}

// staging is where the kubelet has the volume staged.
func (v *volume) staging(dir string) string {
	plugin := filepath.Join(dir, "kubelet/plugins/kubernetes.io/csi")
	if v.fstype == "" {
		return filepath.Join(plugin, "volumeDevices/staging", v.name)
	}
	return filepath.Join(plugin, driverName, fmt.Sprintf("%x", sha256.Sum256([]byte(v.id))), "globalmount")
}

// target is where the kubelet has the volume published for a pod: a directory,
// or for raw block a file.
func (v *volume) target(dir, pod string) string {
	if v.fstype == "" {
		return filepath.Join(dir, "kubelet/plugins/kubernetes.io/csi/volumeDevices/publish", v.name, pod)
	}
	return filepath.Join(dir, "kubelet/pods", pod, "volumes/kubernetes.io~csi", v.name, "mount")
}

// path is the path of a file in the volume as a pod sees it.
func (v *volume) path(pod, name string) string {
	if v.fstype == "" {
		return v.published[pod]
	}
	return filepath.Join(v.published[pod], name)
}

// write lets a pod write a file, or all of a raw device.
func (v *volume) write(pod, name string, seed byte, bytes int64) (string, error) {
	checksum, err := writeNoise(v.path(pod, name), seed, bytes)
	v.files[name] = written{bytes, checksum}
	return fmt.Sprintf("sha256 %.12s", checksum), err
}

// verify lets a pod read all that was ever written to the volume.
func (v *volume) verify(pod string) (string, error) {
	var bytes int64
	for name, w := range v.files {
		if err := verify(v.path(pod, name), w.bytes, w.checksum); err != nil {
			return "", err
		}
		bytes += w.bytes
	}
	return fmt.Sprintf("%s read, every checksum is right", size(bytes)), nil
}
