// Package queue is a source that reads queues of tasks: how many wait, how many
// are being worked on, how long the oldest has been waiting, and how many are
// queued and done per second. It asks the server of the queue and not the
// workers, so it can wake a service that sleeps at zero. What a queue does not
// tell is absent; one that cannot be read is a fault, and never a depth of
// zero.
package queue

import (
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/reading"
)

// options are what every reader needs.
type options struct{ clock clock.Clock }

// New returns the source of a signal. It does no I/O.
func New(signal string, cfg Config, env source.Env) (*reading.Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	reader, err := NewReader(cfg.Server, env.Clock)
	if err != nil {
		return nil, err
	}
	return reading.Of(reader, reading.Wanted{Known: Signals(), Signal: signal, Measure: cfg.Measure, Also: cfg.Also, Window: cfg.Window.Std()}, env)
}

// NewReader returns what reads a queue; its server is valid. It does no I/O.
func NewReader(s Server, clk clock.Clock) (reading.Reader, error) {
	for _, k := range s.kinds() {
		return k.reader(s, options{clk})
	}
	return nil, s.Validate()
}
