package source

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

var errNothing = errors.New("nothing was measured in time")

// onceLook is the time between two looks at what a source has to deliver.
const onceLook = 200 * time.Millisecond

// Once measures once with a source that nobody runs. One that works between
// calls is run until it delivers something, for at most patience; others have
// the time that they have when they run.
func Once(ctx context.Context, s Source, clk clock.Clock, patience time.Duration) ([]scale.Sample, error) {
	runner, works := s.(Runner)
	if !works {
		ctx, cancel := context.WithTimeoutCause(ctx, Patience, ErrPatience)
		defer cancel()
		return s.Collect(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	working.Go(func() { _ = runner.Run(ctx) }) // Collect says what is wrong
	for {
		samples, err := s.Collect(ctx)
		if len(samples) > 0 {
			return samples, err
		}
		select {
		case <-ctx.Done():
			return nil, cmp.Or(err, errNothing)
		case <-clk.After(onceLook):
		}
	}
}
