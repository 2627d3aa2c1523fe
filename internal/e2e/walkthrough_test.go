package e2e

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// A story is the walkthrough of storage as a service with one driver: classes,
// sizes, and what the sizes become.
type story struct {
	driver                    string
	class, fast, snapshots    string // classes
	asked, given, grown, last string // sizes of pvc0, and of pvc-reclaim
}

// TestWalkthrough: what a team sees on its first day, from the offer of storage
// to the restored backup.
func TestWalkthrough(t *testing.T) {
	for name, w := range map[string]story{
		"ebs":   {"ebs", "default-block", "performance-block", "default-snapshots", "11Gi", "125Gi", "150Gi", "600Gi"},
		"local": {"local", "local-csi-csikit-dev", "", "local-csi-csikit-dev", "1Gi", "1Gi", "2Gi", "6Gi"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(d *driver) bool { return d.short == w.driver }, w.tell)
		})
	}
}

func (w story) tell(t *testing.T, s *space) {
	w.offer(t, s)
	pvc0 := newClaim("pvc0", w.class, w.asked)
	if w.driver == "ebs" {
		pvc0.Spec.StorageClassName = nil // it is the default
	}
	s.claim(pvc0)
	if w.fast != "" {
		s.claim(newClaim("pvc1", w.fast, "14Gi"))
		fast := s.bound("pvc1")
		assert.Equal(t, "14Gi", fast.Spec.Capacity.Storage().String())
		assert.Empty(t, attachments(t, fast.Name), "it has a volume at once, which is attached when a pod uses it")
	}
	pending := get[corev1.PersistentVolumeClaim](t, s.claimPath("pvc0"))
	assert.Equal(t, corev1.ClaimPending, pending.Status.Phase, "it waits for its first pod")
	s.event("pvc0", "waiting for first consumer")

	s.make("pods", newPod("app0", "echo first >/data/log; sync", claimed("pvc0")))
	if w.fast != "" {
		s.run(newPod("app1", "echo fast >/data/log; sync", claimed("pvc1")))
	}
	s.ready("app0")
	volume := s.bound("pvc0")
	assert.Equal(t, w.class, volume.Spec.StorageClassName)
	assert.Equal(t, w.given, volume.Spec.Capacity.Storage().String())
	s.hasSize("app0", w.given)

	s.stop("app0") // a move, on a cluster of one node
	s.run(newPod("app0", "grep -x first /data/log; echo second >>/data/log; sync", claimed("pvc0")))
	s.grow("pvc0", "app0", w.grown)
	assert.Error(t, patch(t, s.claimPath("pvc0"), request("1Gi")), "volumes do not shrink")

	s.snapshot("snap1", w.snapshots, "pvc0")
	s.exec("app0", "echo later >>/data/log; sync")
	s.claim(newClaim("pvc-reclaim", w.class, w.last).from("VolumeSnapshot", "snap1"))
	s.run(newPod("reclaim", "cat /data/log", claimed("pvc-reclaim")))
	assert.Equal(t, "first\nsecond", s.exec("reclaim", "cat /data/log"), "of the moment of the snapshot")
	s.hasSize("reclaim", w.last)
	restored := s.bound("pvc-reclaim")
	assert.Equal(t, w.last, restored.Spec.Capacity.Storage().String())
	assert.Equal(t, "first\nsecond\nlater", s.exec("app0", "cat /data/log"))
}

// offer applies the classes that the example ships.
func (w story) offer(t *testing.T, s *space) {
	t.Helper()
	if w.driver == "ebs" {
		out, err := exec.CommandContext(t.Context(), "kubectl", "apply", "-f", "../../examples/ebs/deploy/classes.yaml").CombinedOutput()
		require.NoError(t, err, string(out))
		t.Cleanup(func() { _ = exec.Command("kubectl", "delete", "-f", "../../examples/ebs/deploy/classes.yaml").Run() })
		return
	}
	class := newClass(w.class, s.driver.name, map[string]string{"csi.storage.k8s.io/fstype": "xfs", "allocation": "thin"})
	s.makeForAll("/apis/storage.k8s.io/v1/storageclasses", w.class, class)
	s.makeForAll(snapshotAPI+"/volumesnapshotclasses", w.snapshots, named("VolumeSnapshotClass", w.snapshots, map[string]any{
		"driver": s.driver.name, "deletionPolicy": "Delete",
	}))
}

func request(size string) map[string]any {
	return map[string]any{"spec": map[string]any{"resources": map[string]any{"requests": map[string]any{"storage": size}}}}
}

// grow raises the size of a claim, and waits until a pod that runs has it.
func (s *space) grow(claim, pod, size string) {
	s.t.Helper()
	before := get[corev1.Pod](s.t, s.path+"/pods/"+pod)
	began := time.Now()
	require.NoError(s.t, patch(s.t, s.claimPath(claim), request(size)))
	until(s.t, s.claimPath(claim), patience, "grown to "+size, func(c corev1.PersistentVolumeClaim) bool {
		have := c.Status.Capacity[corev1.ResourceStorage]
		return have.Cmp(resource.MustParse(size)) == 0
	})
	s.hasSize(pod, size)
	s.t.Logf("grown to %s in %s", size, time.Since(began).Round(100*time.Millisecond))
	after := get[corev1.Pod](s.t, s.path+"/pods/"+pod)
	assert.Equal(s.t, before.UID, after.UID)
	assert.Zero(s.t, after.Status.ContainerStatuses[0].RestartCount, "it went on running")
}

// hasSize requires that a pod's file system is as large as that, less what the
// file system needs for itself.
func (s *space) hasSize(pod, size string) {
	s.t.Helper()
	quantity := resource.MustParse(size)
	fields := strings.Fields(s.exec(pod, "df -k /data | tail -n 1"))
	have := resource.MustParse(fields[1] + "Ki")
	want := quantity.Value()
	assert.LessOrEqual(s.t, have.Value(), want)
	assert.Greater(s.t, have.Value(), want/10*8, "of %s in %s", size, pod)
}
