package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// patience is for all that takes seconds on an idle machine.
const patience = 3 * time.Minute

// A space is a namespace of one test with one driver. What is in it, and the
// volumes of its claims, are gone when the test ends.
type space struct {
	t      *testing.T
	driver *driver
	name   string   // of the namespace
	path   string   // of its API
	class  string   // that the test uses
	global []string // paths of what is in no namespace
	// noBlock: no raw devices in loads.
	noBlock bool
}

func newSpace(t *testing.T, d *driver) *space {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-" + d.short + "-"}}
	require.NoError(t, server(t).do(t.Context(), http.MethodPost, "/api/v1/namespaces", "application/json", ns, ns))
	s := &space{t: t, driver: d, name: ns.Name, path: "/api/v1/namespaces/" + ns.Name}
	t.Cleanup(s.close)
	until(t, s.path+"/serviceaccounts/default", patience, "made", func(corev1.ServiceAccount) bool { return true })
	return s
}

// close deletes the namespace, and fails the test if a pod does not go or if a
// volume stays.
func (s *space) close() {
	if s.t.Failed() {
		s.tell()
	}
	remove(s.t, s.path, 1)
	gone(s.t, s.path, patience)
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		left := s.volumesLeft()
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			require.FailNow(s.t, "volumes are left", strings.Join(left, "\n"))
		}
	}
	for _, path := range s.global {
		remove(s.t, path, 0)
	}
}

func (s *space) volumesLeft() (left []string) {
	var volumes corev1.PersistentVolumeList
	ctx := context.WithoutCancel(s.t.Context())
	require.NoError(s.t, server(s.t).do(ctx, http.MethodGet, "/api/v1/persistentvolumes", "", nil, &volumes))
	for _, v := range volumes.Items {
		if v.Spec.ClaimRef != nil && v.Spec.ClaimRef.Namespace == s.name {
			left = append(left, fmt.Sprintf("%s %s %s", v.Name, v.Status.Phase, v.Status.Message))
		}
	}
	return left
}

// tell logs what an operator would look at.
func (s *space) tell() {
	for _, args := range [][]string{
		{"get", "pvc,pod,volumesnapshot", "-o", "wide"},
		{"get", "events", "--sort-by=.lastTimestamp", "-o", "custom-columns=TIME:.lastTimestamp,OBJECT:.involvedObject.name,REASON:.reason,MESSAGE:.message"},
	} {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), time.Minute)
		s.t.Log(run(ctx, "kubectl", append([]string{"-n", s.name}, args...)...))
		cancel()
	}
}

// make makes an object of the namespace: kind is the plural of its path.
func (s *space) make(kind string, object any) {
	s.t.Helper()
	s.makeAt(s.path+"/"+kind, object)
}

func (s *space) makeAt(path string, object any) {
	s.t.Helper()
	require.NoError(s.t, server(s.t).do(s.t.Context(), http.MethodPost, path, "application/json", object, nil))
}

// makeForAll makes an object that is in no namespace, and deletes it at the end.
func (s *space) makeForAll(path, name string, object any) {
	s.t.Helper()
	s.makeAt(path, object)
	s.global = append(s.global, path+"/"+name)
}

// claim makes a claim.
func (s *space) claim(c claim) { s.t.Helper(); s.make("persistentvolumeclaims", c) }

// bound waits until a claim has a volume, and returns it.
func (s *space) bound(name string) corev1.PersistentVolume {
	s.t.Helper()
	c := until(s.t, s.claimPath(name), patience, "Bound", func(c corev1.PersistentVolumeClaim) bool { return c.Status.Phase == corev1.ClaimBound })
	return get[corev1.PersistentVolume](s.t, "/api/v1/persistentvolumes/"+c.Spec.VolumeName)
}

func (s *space) claimPath(name string) string { return s.path + "/persistentvolumeclaims/" + name }

// run makes a pod and waits until its script has succeeded.
func (s *space) run(p *corev1.Pod) {
	s.t.Helper()
	s.make("pods", p)
	s.ready(p.Name)
}

func (s *space) ready(pod string) corev1.Pod {
	s.t.Helper()
	p := until(s.t, s.path+"/pods/"+pod, patience, "ready", func(p corev1.Pod) bool { return isReady(p) || failed(p) })
	require.False(s.t, failed(p), "pod %s has failed: %s", pod, run(s.t.Context(), "kubectl", "-n", s.name, "logs", pod))
	return p
}

func failed(p corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed }

func isReady(p corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// stop deletes a pod and waits until it is gone.
func (s *space) stop(pod string) {
	s.t.Helper()
	remove(s.t, s.path+"/pods/"+pod, 1)
	gone(s.t, s.path+"/pods/"+pod, patience)
}

// exec runs a script in a pod and returns what it prints.
func (s *space) exec(pod, script string) string {
	s.t.Helper()
	out, err := kubectl(s.t, "-n", s.name, "exec", pod, "--", "sh", "-c", script)
	require.NoError(s.t, err)
	return strings.TrimSpace(out)
}

// event waits for an event of an object that says so.
func (s *space) event(object, says string) {
	s.t.Helper()
	until(s.t, s.path+"/events?fieldSelector=involvedObject.name="+object, patience, "telling "+says, func(l corev1.EventList) bool {
		for _, e := range l.Items {
			if strings.Contains(e.Message, says) {
				return true
			}
		}
		return false
	})
}

// snapshot makes a snapshot of a claim and waits until it can be used.
func (s *space) snapshot(name, class, source string) {
	s.t.Helper()
	s.makeAt(snapshotAPI+"/namespaces/"+s.name+"/volumesnapshots", named("VolumeSnapshot", name, map[string]any{"spec": map[string]any{
		"volumeSnapshotClassName": class, "source": map[string]any{"persistentVolumeClaimName": source},
	}}))
	until(s.t, snapshotAPI+"/namespaces/"+s.name+"/volumesnapshots/"+name, patience, "readyToUse", func(v snapshot) bool { return v.Status.ReadyToUse })
}

// attachments are the VolumeAttachments of a volume.
func attachments(t *testing.T, volume string) (nodes []string) {
	t.Helper()
	for _, a := range get[storagev1.VolumeAttachmentList](t, "/apis/storage.k8s.io/v1/volumeattachments").Items {
		if a.Spec.Source.PersistentVolumeName != nil && *a.Spec.Source.PersistentVolumeName == volume && a.Status.Attached {
			nodes = append(nodes, a.Spec.NodeName)
		}
	}
	return nodes
}
