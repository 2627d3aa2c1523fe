package csitest

import (
	"os"
	"path/filepath"
	"strings"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

var secretChecks = []check{
	{"Rule30/StateHoldsNoSecret", "what the node writes down holds no secret (contract ruling 25)", []need{provisions}, stateHoldsNoSecret},
	{"Rule39/TokensStaySecret", "service account tokens in volume_context are secrets: in no message, log or file (kubernetes CSIDriver.tokenRequests)", []need{provisions}, tokensStaySecret},
	{"Rule30/LogsHoldNoSecret", "no secret of any request is in a log line or message, whatever fails (spec.md, csi_secret)", []need{provisions}, logsHoldNoSecret},
}

// loseState removes the state directory.
func (s *session) loseState() {
	s.must("remove the state", os.RemoveAll(filepath.Join(s.dir, "state")))
}

// checkState looks for secrets in what the node has written down.
func (s *session) checkState() {
	s.Helper()
	dir := filepath.Join(s.dir, "state")
	for _, file := range filesBelow(dir) {
		data, err := os.ReadFile(filepath.Join(dir, file))
		s.must("read the state", err)
		for _, secret := range s.canaries() {
			if strings.Contains(string(data), secret) {
				s.Errorf("%s in Options.StateDir holds the value of a secret", file)
			}
		}
	}
}

func stateHoldsNoSecret(s *session) {
	v := s.create().stage()
	s.checkState()
	v.publish("pod")
	s.checkState()
}

func tokensStaySecret(s *session) {
	v := s.create().stage()
	tokens := `{"csitest":{"token":"` + tokenCanary + `","expirationTimestamp":"2030-01-01T00:00:00Z"}}`
	withTokens := func(r *csipb.NodePublishVolumeRequest) {
		if r.VolumeContext == nil {
			r.VolumeContext = map[string]string{}
		}
		r.VolumeContext["csi.storage.k8s.io/serviceAccount.tokens"] = tokens
		r.VolumeContext["csi.storage.k8s.io/pod.name"] = "csitest"
	}
	v.publish("pod", withTokens)
	s.checkState()
	r := v.publishRequest("pod", withTokens, func(r *csipb.NodePublishVolumeRequest) { r.VolumeCapability = nil })
	_, err := s.node.NodePublishVolume(s.ctx(), r)
	if err == nil {
		s.Errorf("NodePublishVolume without a capability was OK")
	}
}

// logsHoldNoSecret fails once in every RPC; the answers and the log are looked
// through by the session.
func logsHoldNoSecret(s *session) {
	for n := range s.callsOfALife() {
		errorBefore(s.faults, n)
		for _, step := range s.newLife().steps {
			if step.run() != nil {
				s.must(step.rpc+" when retried", step.run())
			}
		}
		s.cleanUp()
		if s.h.Devices {
			return
		}
	}
}
