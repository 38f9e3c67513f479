//go:build !linux && !windows

package process

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/flyball-io/flyball/internal/clock"
)

// measurable says that what processes use cannot be read on this system.
func measurable() error {
	return fmt.Errorf("not measured on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// run has nothing to read.
func (m *meter) run(context.Context, clock.Clock) {}
