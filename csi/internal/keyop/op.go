package keyop

import (
	"context"
	"time"
)

// A Key is a thing that operations exclude each other from. Operations that
// hold it shared run side by side.
type Key struct {
	Name   string
	Shared bool
}

// Shared is a key that other operations may hold at the same time if they hold
// it shared, too.
func Shared(name string) Key { return Key{Name: name, Shared: true} }

// Exclusive is a key that nobody else holds at the same time.
func Exclusive(name string) Key { return Key{Name: name} }

// An Op is one operation as it is asked for.
type Op struct {
	RPC      string        // for messages: NodeStageVolume
	ID       string        // volume or snapshot id or name, for messages
	Keys     []Key         // taken all at once, in order of arrival; a key named twice is exclusive if one of both is
	Identity string        // operations of equal, non-empty identity are joined; it implies the result's type
	Tags     []string      // what Cancels of another operation names
	Cancels  []string      // running and waiting operations with one of these tags are cancelled first
	Request  string        // request id
	Timeout  time.Duration // of the operation's context, from its start; 0 is none
}

// title is how messages name the operation.
func (op *Op) title() string {
	if op.ID == "" {
		return op.RPC
	}
	return op.RPC + " " + op.ID
}

// Contexts of a running operation. Both carry the values of the context of the
// RPC that started it.
type Contexts struct {
	// Op ends on cancellation by another operation, shutdown and timeout.
	// context.Cause says which.
	Op context.Context
	// Wait also ends when the last caller has left.
	Wait context.Context
}

// distinct returns keys without duplicates; exclusive wins.
func distinct(keys []Key) []Key {
	out := make([]Key, 0, len(keys))
next:
	for _, k := range keys {
		for i := range out {
			if out[i].Name == k.Name {
				out[i].Shared = out[i].Shared && k.Shared
				continue next
			}
		}
		out = append(out, k)
	}
	return out
}
