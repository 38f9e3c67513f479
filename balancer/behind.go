package balancer

import "errors"

// ErrNothingSet is why a balancer has left nobody: no backends were set yet, so
// it may follow a controller before this one.
var ErrNothingSet = errors.New("no replicas were named to the balancer since this controller began")

// Behind is the error of a balancer that has not taken over a change when the
// time for it was over.
type Behind struct {
	Why string // and what to do, for an operator
	Err error  // of the context
}

// Error says why; that time is over is known to whoever set it.
func (b *Behind) Error() string { return b.Why }

// Unwrap is the error of the context.
func (b *Behind) Unwrap() error { return b.Err }
