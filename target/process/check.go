package process

import (
	"context"

	"github.com/flyball-io/flyball/internal/clock"
)

// Check reports what of a valid configuration does not fit this machine: its
// program or its working directory is not there.
func (c Config) Check() error {
	_, err := c.program()
	return err
}

// Unattended returns ErrInUse when a controller looks after the target of
// this name and state directory, or why what an earlier one left cannot be
// taken over: whoever is about to become its controller learns so before
// touching anything.
func Unattended(ctx context.Context, clk clock.Clock, stateDir, name string) error {
	return newStore(stateDir, name).Unattended(ctx, clk)
}
