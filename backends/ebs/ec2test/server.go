package ec2test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// A Server is one region of EC2. All its methods may be called at any time
// from any goroutine.
type Server struct {
	o      Options
	cancel context.CancelFunc
	done   context.Context
	wg     sync.WaitGroup // the clockwork, the listeners, copies of data
	wake   chan struct{}  // tells the clockwork that something new is due

	mu        sync.Mutex
	rand      *rand.Rand
	volumes   *table[Volume]
	snapshots *table[Snapshot]
	instances *table[Instance]
	tokens    map[string]*token
	due       map[string]time.Time // the next change of a resource, by id
	holdAll   bool
	held      map[string]bool // volumes whose attachments do not move
	badKeys   map[string]bool
	serial    uint64               // of ids
	requests  uint64               // of request ids
	dirty     bool                 // something differs from the state directory
	unlock    func()               // of the state directory
	first     string               // the instance that IMDS is for, unless another is asked for
	sessions  map[string]time.Time // tokens of IMDS, and when they end

	faults []*injected
	levels map[string]*level
	calls  []Call
	counts map[string]int
	urls   []string
}

// New makes a server, with the state that o.StateDir has. Nothing listens yet:
// see [Server.Listen] and [Server.Handler]. Close ends it.
func New(o Options) (*Server, error) {
	o.setDefaults()
	if o.Disks != nil && o.StateDir == "" {
		return nil, fmt.Errorf("ec2test: Options.Disks needs Options.StateDir for the images of the volumes")
	}
	s := &Server{
		o: o, rand: rand.New(rand.NewPCG(o.Seed, o.Seed^0x9e3779b97f4a7c15)), wake: make(chan struct{}, 1),
		volumes: newTable((*Volume).clone), snapshots: newTable((*Snapshot).clone), instances: newTable((*Instance).clone),
		tokens: map[string]*token{}, due: map[string]time.Time{}, held: map[string]bool{}, badKeys: map[string]bool{},
		sessions: map[string]time.Time{}, levels: map[string]*level{}, counts: map[string]int{},
	}
	s.done, s.cancel = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// start takes over the state, launches the instances and winds the clock up.
func (s *Server) start() error {
	s.mu.Lock()
	err := s.load()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, key := range s.o.BadKeys {
		s.badKeys[key] = true
	}
	for n, i := range s.o.Instances {
		if i.ID == "" { // the same one after a restart
			i.ID = fmt.Sprintf("i-0%016x", mix(^(s.o.Seed + uint64(n))))
		}
		if _, err := s.AddInstance(i); err != nil {
			return err
		}
	}
	s.wg.Go(s.clockwork)
	return nil
}

// Close stops the listeners and waits for what runs. Volumes, attachments and
// devices stay as they are; see [Server.Unplug].
func (s *Server) Close() {
	s.cancel()
	s.wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unlock != nil {
		s.unlock()
		s.unlock = nil
	}
}

// now is the time by the server's clock.
func (s *Server) now() time.Time { return s.o.Clock.Now() }

// newID makes an id that looks like EC2's. It depends on the seed and on how
// many came before.
func (s *Server) newID(prefix string) string {
	s.serial++
	s.dirty = true
	return fmt.Sprintf("%s-0%016x", prefix, mix(s.o.Seed+s.serial*0x9e3779b97f4a7c15))
}

// mix is the output function of splitmix64: no two inputs have one output.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
