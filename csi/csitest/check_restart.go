package csitest

import (
	"github.com/csikit/csikit/mount/mounttest"
)

var restartChecks = []check{
	{"Rule31/RestartBetweenAnyTwo", "a plugin that restarts between any two RPCs goes on where it was (spec.md, idempotency)", []need{provisions}, restartBetween},
	{"Ruling25/Reboot", "after a reboot, which leaves no mount, a volume is staged and published again, or taken down (kubernetes/kubernetes#106729)", []need{provisions, stages, inMemory}, reboot},
	{"Ruling25/StateIsAHint", "a plugin that lost its state directory still unpublishes and unstages (contract ruling 25)", []need{provisions, stages}, stateLost},
}

// inMemory is met if the kit can make all mounts disappear.
var inMemory = need{"mounts in memory", func(s *session) bool { return !s.h.Devices }}

func restartBetween(s *session) {
	for _, step := range s.newLife().steps {
		s.must(step.rpc, step.run())
		s.restart()
		s.must(step.rpc+" repeated after a restart", step.run())
	}
}

func reboot(s *session) {
	v := s.create().stage()
	v.publish("pod")
	s.loseMounts()
	v.stage()
	target := v.publish("pod")
	s.mounted(target)
	s.loseMounts()
	v.unpublish(target)
	v.unstage()
}

// loseMounts is a reboot.
func (s *session) loseMounts() {
	s.stop()
	s.table = &mounttest.Table{}
	s.start()
}

func stateLost(s *session) {
	v := s.create().stage()
	target := v.publish("pod")
	s.stop()
	s.loseState()
	s.start()
	v.unpublish(target)
	v.unstage()
}
