// Package slots reserves the slots of machines at which volumes are attached,
// such as device names, where the caller chooses them and the cloud shows late
// which are in use.
//
// A slot is held from before the call until it is seen in the machine's mapping,
// or until its attachment is known not to exist. One that the cloud says is in use
// although nobody sees it is doubtful, and left alone for a while.
package slots
