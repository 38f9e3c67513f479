// Package clock is the only place outside cmd that reads the machine's clock.
// Whoever drives time takes a Clock; whoever decides takes the time from the
// observation.
package clock

import "time"

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// After returns a channel that receives once d has passed.
	After(d time.Duration) <-chan time.Time
	// NewTicker returns a ticker of period d; the caller stops it.
	NewTicker(d time.Duration) *time.Ticker
}

// System is the machine's clock.
var System Clock = system{}

type system struct{}

func (system) Now() time.Time                         { return time.Now() }
func (system) After(d time.Duration) <-chan time.Time { return time.After(d) }
func (system) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }
