package e2e

import (
	"fmt"
	"strconv"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// A witness is a pod that appends numbered lines to a file of its volume, each
// synced, for as long as it lives.
type witness struct {
	s   *space
	pod corev1.Pod
}

func newWitness(s *space) *witness {
	s.t.Helper()
	s.claim(newClaim("witness", s.class, s.driver.size))
	s.make("pods", newPod("witness", `(i=1; while echo $i | dd of=/data/log oflag=append conv=notrunc,fsync 2>/tmp/error; do i=$((i+1)); sleep 0.2; done; touch /tmp/broken) &`, claimed("witness")))
	return &witness{s, s.ready("witness")}
}

// ask requires that the witness never stopped, and that every line it wrote is
// there, now and when another pod has mounted the volume anew.
func (w *witness) ask() {
	w.s.t.Helper()
	now := get[corev1.Pod](w.s.t, w.s.path+"/pods/witness")
	assert.Equal(w.s.t, w.pod.UID, now.UID)
	assert.Zero(w.s.t, now.Status.ContainerStatuses[0].RestartCount)
	out := w.s.exec("witness", `test ! -e /tmp/broken || { cat /tmp/error; exit 1; }
		n=$(tail -n 1 /data/log); sleep 2; test $(tail -n 1 /data/log) -gt $n
		seq 1 $n >/tmp/want; head -n $n /data/log | cmp - /tmp/want && echo $n`)
	lines, err := strconv.Atoi(out)
	require.NoError(w.s.t, err)
	w.s.stop("witness")
	w.s.run(newPod("reader", fmt.Sprintf(`n=$(tail -n 1 /data/log); test $n -ge %d; seq 1 $n >/tmp/want; cmp /data/log /tmp/want`, lines), claimed("witness")))
	w.s.stop("reader")
	w.s.t.Logf("a pod that was there all the time wrote %d lines, none is lost", lines)
}
