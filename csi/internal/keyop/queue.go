package keyop

// A queue is the operations that hold or want one key, in order of arrival:
// first those that are let through, then those that are not.
type queue struct{ tickets []ticket }

// A ticket is the place of one operation in one queue.
type ticket struct {
	o       *operation
	shared  bool
	through bool
}

// push appends o and reports whether it is let through at once.
func (q *queue) push(o *operation, shared bool) bool {
	n := len(q.tickets)
	through := n == 0 || (shared && q.tickets[n-1].shared && q.tickets[n-1].through)
	q.tickets = append(q.tickets, ticket{o, shared, through})
	return through
}

// remove takes o out, lets through who may follow, and tells each to let.
func (q *queue) remove(o *operation, let func(*operation)) {
	for i := range q.tickets {
		if q.tickets[i].o == o {
			q.tickets = append(q.tickets[:i], q.tickets[i+1:]...)
			break
		}
	}
	for i := range q.tickets {
		t := &q.tickets[i]
		if i > 0 && !(t.shared && q.tickets[i-1].shared) {
			return
		}
		if !t.through {
			t.through = true
			let(t.o)
		}
	}
}

// blocks reports whether o is in the queue and not let through.
func (q *queue) blocks(o *operation) bool {
	for _, t := range q.tickets {
		if t.o == o {
			return !t.through
		}
	}
	return false
}
