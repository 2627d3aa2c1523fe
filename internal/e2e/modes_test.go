package e2e

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestRawBlock: a device keeps what is written to it, and grows while a pod has
// it.
func TestRawBlock(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		s.claim(newClaim("raw", s.class, s.driver.size).block())
		s.run(newBlockPod("one", "echo marker | dd of=/dev/data bs=512 seek=2048 conv=sync,fsync", claimed("raw")))
		s.stop("one")
		s.run(newBlockPod("two", "dd if=/dev/data bs=512 skip=2048 count=1 | grep marker", claimed("raw")))
		require.NoError(t, patch(t, s.claimPath("raw"), request("2Gi")))
		until(t, s.claimPath("raw"), patience, "grown", func(c corev1.PersistentVolumeClaim) bool {
			have := c.Status.Capacity[corev1.ResourceStorage]
			return have.Cmp(resource.MustParse("2Gi")) == 0
		})
		// blockdev is not in every image: seek to the last sector and read it.
		s.exec("two", "dd if=/dev/data of=/dev/null bs=512 count=1 skip=4194303 2>&1 | grep '^1+0 records in'")
	})
}

// TestReadOnlyMany: several pods read a copy, and none can write. The source was
// unmounted, since readers of many nodes replay no journal, and the snapshot of an
// EBS volume that is mounted has one.
func TestReadOnlyMany(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		s.claim(newClaim("source", s.class, s.driver.size))
		s.run(newPod("writer", "echo data >/data/file; sync", claimed("source")))
		s.stop("writer")
		s.snapshot("snap", s.snapshotClass(), "source")
		class := s.newClass("xfs", func(c *storagev1.StorageClass) { maps.Copy(c.Parameters, s.driver.shared) })
		s.claim(newClaim("many", class, s.driver.shareable).mode(corev1.ReadOnlyMany).from("VolumeSnapshot", "snap"))
		for _, name := range []string{"reader-1", "reader-2"} {
			s.make("pods", newPod(name, "grep -x data /data/file; ! touch /data/new", claimed("many")))
		}
		s.ready("reader-1")
		s.ready("reader-2")
	})
}

// TestReadWriteOncePod: a second pod waits for the first one to go.
func TestReadWriteOncePod(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		s.claim(newClaim("only", s.class, s.driver.size).mode(corev1.ReadWriteOncePod))
		s.run(newPod("first", "echo 1 >/data/file; sync", claimed("only")))
		s.make("pods", newPod("second", "grep -x 1 /data/file", claimed("only")))
		s.event("second", "ReadWriteOncePod")
		s.stop("first")
		s.ready("second")
	})
}

// TestTwoPodsShareAVolume: ReadWriteOnce is once a node, not once a pod.
func TestTwoPodsShareAVolume(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		s.claim(newClaim("shared", s.class, s.driver.size))
		s.run(newPod("one", "echo 1 >/data/file; sync", claimed("shared")))
		s.run(newPod("two", "grep -x 1 /data/file; echo 2 >/data/file", claimed("shared")))
		s.stop("one")
		assert.Equal(t, "2", s.exec("two", "cat /data/file"), "the first pod's end takes nothing from the second")
	})
}

// TestInline: a volume that a pod declares has its size and goes with the pod.
func TestInline(t *testing.T) {
	each(t, func(d *driver) bool { return d.inline != nil }, func(t *testing.T, s *space) {
		s.run(newPod("inline", "echo x >/data/file; sync", corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{
			Driver: s.driver.name, VolumeAttributes: s.driver.inline, FSType: new("xfs"),
		}}))
		s.hasSize("inline", s.driver.inline["size"])
		assert.NotEmpty(t, s.driver.onNode(t, "grep "+s.podUID("inline")+" /proc/mounts"))
		uid := s.podUID("inline")
		s.stop("inline")
		assert.Empty(t, s.driver.onNode(t, "grep "+uid+" /proc/mounts || true"))
	})
}

func (s *space) podUID(pod string) string {
	s.t.Helper()
	return string(get[corev1.Pod](s.t, s.path+"/pods/"+pod).UID)
}

// TestGenericEphemeral: a claim that a pod declares goes with the pod.
func TestGenericEphemeral(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		s.run(newPod("scratch", "echo x >/data/file; sync", corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
			VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: newClaim("", s.class, s.driver.size).Spec},
		}}))
		volume := s.bound("scratch-data")
		s.stop("scratch")
		gone(t, "/api/v1/persistentvolumes/"+volume.Name, patience)
	})
}

// TestClone: a claim of a claim has its data, and neither sees the other's
// changes.
func TestClone(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		s.claim(newClaim("source", s.class, s.driver.size))
		s.run(newPod("source", "echo first >/data/file; sync", claimed("source")))
		s.claim(newClaim("clone", s.class, s.driver.size).from("PersistentVolumeClaim", "source"))
		s.run(newPod("clone", "grep -x first /data/file; echo clone >/data/file; sync", claimed("clone")))
		assert.Equal(t, "first", s.exec("source", "cat /data/file"))
	})
}

// TestAttributesClass: a volume is modified while a pod uses it.
func TestAttributesClass(t *testing.T) {
	each(t, func(d *driver) bool { return d.mutable != nil }, func(t *testing.T, s *space) {
		class := func(name string, parameters map[string]string) string {
			name = s.name + "-" + name
			s.makeForAll("/apis/storage.k8s.io/v1/volumeattributesclasses", name, &storagev1.VolumeAttributesClass{
				ObjectMeta: metav1.ObjectMeta{Name: name}, DriverName: s.driver.name, Parameters: parameters,
			})
			return name
		}
		s.claim(newClaim("data", s.class, s.driver.size))
		s.run(newPod("user", "echo x >/data/file", claimed("data")))
		become := func(class string) error {
			return patch(t, s.claimPath("data"), map[string]any{"spec": map[string]any{"volumeAttributesClassName": class}})
		}
		faster := class("faster", s.driver.mutable)
		require.NoError(t, become(faster))
		until(t, s.claimPath("data"), patience, faster, func(c corev1.PersistentVolumeClaim) bool {
			return c.Status.CurrentVolumeAttributesClassName != nil && *c.Status.CurrentVolumeAttributesClassName == faster
		})
		require.NoError(t, become(class("nonsense", map[string]string{"nonsense": "1"})))
		s.event("data", "nonsense")
		c := get[corev1.PersistentVolumeClaim](t, s.claimPath("data"))
		assert.Equal(t, faster, *c.Status.CurrentVolumeAttributesClassName)
		require.NoError(t, become(faster))
	})
}

// TestRetainAndStatic: a retained volume outlives its claim, is offered again by
// hand under its handle, and its data are there.
func TestRetainAndStatic(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		class := s.newClass("xfs", func(c *storagev1.StorageClass) { c.ReclaimPolicy = new(corev1.PersistentVolumeReclaimRetain) })
		s.claim(newClaim("kept", class, s.driver.size))
		s.run(newPod("writer", "echo precious >/data/file; sync", claimed("kept")))
		volume := s.bound("kept")
		s.stop("writer")
		remove(t, s.claimPath("kept"), 0)
		path := "/api/v1/persistentvolumes/" + volume.Name
		until(t, path, patience, "Released", func(v corev1.PersistentVolume) bool { return v.Status.Phase == corev1.VolumeReleased })
		remove(t, path, 0)
		gone(t, path, patience)

		byHand := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: s.name + "-by-hand"}, Spec: corev1.PersistentVolumeSpec{
			Capacity: volume.Spec.Capacity, AccessModes: volume.Spec.AccessModes, NodeAffinity: volume.Spec.NodeAffinity,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			ClaimRef:                      &corev1.ObjectReference{Namespace: s.name, Name: "by-hand", APIVersion: "v1", Kind: "PersistentVolumeClaim"},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: s.driver.name, VolumeHandle: volume.Spec.CSI.VolumeHandle, FSType: "xfs",
			}},
		}}
		s.makeAt("/api/v1/persistentvolumes", byHand)
		c := newClaim("by-hand", "", s.driver.size)
		c.Spec.VolumeName = byHand.Name
		s.claim(c)
		s.run(newPod("reader", "grep -x precious /data/file", claimed("by-hand")))
		// It was made by hand, so the provisioner deletes it only if told whose it is.
		require.NoError(t, patch(t, "/api/v1/persistentvolumes/"+byHand.Name, map[string]any{"metadata": map[string]any{"annotations": map[string]string{
			"pv.kubernetes.io/provisioned-by": s.driver.name,
		}}}))
	})
}

// TestCapacity: a claim that no node can hold keeps its pod Pending, and the
// scheduler says why.
func TestCapacity(t *testing.T) {
	each(t, func(d *driver) bool { return d.capacity }, func(t *testing.T, s *space) {
		until(t, "/apis/storage.k8s.io/v1/csistoragecapacities", patience, "told for the class", func(l storagev1.CSIStorageCapacityList) bool {
			for _, c := range l.Items {
				if c.StorageClassName == s.class && c.Capacity != nil {
					return true
				}
			}
			return false
		})
		s.claim(newClaim("huge", s.class, "900Ti"))
		s.make("pods", newPod("huge", "", claimed("huge")))
		s.event("huge", "did not have enough free storage")
		assert.Equal(t, corev1.PodPending, get[corev1.Pod](t, s.path+"/pods/huge").Status.Phase)
	})
}

// TestGrowthOfExt4: it grows online, or, where the kernel does not let the driver
// do it, the claim says what the kernel said and the next pod start does it.
func TestGrowthOfExt4(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		s.claim(newClaim("data", s.newClass("ext4", nil), "1Gi"))
		s.run(newPod("user", "echo x >/data/file; sync", claimed("data")))
		require.NoError(t, patch(t, s.claimPath("data"), request("2Gi")))
		c := until(t, s.claimPath("data"), patience, "grown or refused", func(c corev1.PersistentVolumeClaim) bool {
			return is2Gi(c) || refusal(c) != ""
		})
		if !is2Gi(c) {
			t.Log("refused: " + refusal(c))
			assert.Contains(t, refusal(c), "operation not permitted")
			s.stop("user")
			s.run(newPod("user", "grep -x x /data/file", claimed("data")))
			until(t, s.claimPath("data"), patience, "grown", is2Gi)
		}
		s.hasSize("user", "2Gi")
	})
}

func is2Gi(c corev1.PersistentVolumeClaim) bool {
	have := c.Status.Capacity[corev1.ResourceStorage]
	return have.Cmp(resource.MustParse("2Gi")) == 0
}

func refusal(c corev1.PersistentVolumeClaim) string {
	for _, condition := range c.Status.Conditions {
		if strings.Contains(string(condition.Type), "NodeResizeError") {
			return condition.Message
		}
	}
	return ""
}

// TestFromClaimToRunning measures what a user waits for, with a claim and a pod
// made at once. The slowest of a few is allowed a lot: it is a measure, and this
// only catches what has gone wrong.
func TestFromClaimToRunning(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		for i := range 5 {
			name := "quick-" + string(rune('a'+i))
			began := time.Now()
			s.claim(newClaim(name, s.class, s.driver.size))
			s.make("pods", newPod(name, "", claimed(name)))
			until(t, s.path+"/pods/"+name, patience, "Running", func(p corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
			took := time.Since(began)
			t.Logf("from claim and pod to Running: %.1f s", took.Seconds())
			assert.Less(t, took, time.Minute)
		}
		assert.NoError(t, server(t).do(t.Context(), http.MethodDelete, s.path+"/pods", "", nil, nil))
	})
}
