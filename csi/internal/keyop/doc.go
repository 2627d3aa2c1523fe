// Package keyop runs keyed operations: work that outlives the RPC that asked
// for it, excludes other work on the same things, and is shared by identical
// requests (contract rulings 8 to 13).
//
//   - An operation names its keys, shared or exclusive. It enters the queues of
//     all of them at once and starts when everything before it in each queue is
//     compatible. Since arrival orders all queues alike, there is no deadlock,
//     and since nobody overtakes, no starvation.
//   - A request of the same identity joins the operation that runs or waits and
//     gets the same result. It never joins one that has been cancelled.
//   - A caller waits until shortly before its own deadline ([Margin]) and then
//     gets a [BusyError] that names the operation which is in the way.
//   - An operation that waits and whose callers have all left never starts. One
//     that runs goes on: only its own timeout, a negation or the shutdown ends
//     its context. Its keys stay held until it has returned.
//   - A negation ([Op.Cancels]) fails what waits with [ErrCancelled], cancels
//     the context of what runs, and then takes its turn behind it.
//
// The result is shared by all callers, so it must not be changed by any.
package keyop
