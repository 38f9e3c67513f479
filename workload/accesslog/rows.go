package accesslog

import (
	"errors"
	"time"
)

// ErrNothing is the answer of logs without a single request that counts.
var ErrNothing = errors.New("no request was counted")

// Rows hands each the bins in order: when each begins, counted from the first,
// and its requests per second. The first bin is the one of the first counted
// request; bins lie on whole multiples of the step since 1970, as clocks show
// them. Bins without requests are zeros, up to the silence of the options;
// beyond it they are left out.
func (c *Counter) Rows(each func(at time.Duration, rps float64) error) error {
	if c.stats.Requests == 0 {
		return ErrNothing
	}
	first, last := c.bin(c.first), c.bin(c.last)
	if last-first >= MostBins {
		return c.tooLong()
	}
	for bin := first; bin <= last; {
		end := c.filled(bin, last)
		if silent := time.Duration(end-bin) * c.opts.Step; c.opts.Silence == 0 || silent < c.opts.Silence {
			if err := c.rows(bin, end, first, each); err != nil {
				return err
			}
		}
		if err := c.rows(end, end+1, first, each); err != nil {
			return err
		}
		bin = end + 1
	}
	return nil
}

// rows hands over the bins from..to, to excluded.
func (c *Counter) rows(from, to, first int64, each func(at time.Duration, rps float64) error) error {
	for bin := from; bin < to; bin++ {
		if err := each(time.Duration(bin-first)*c.opts.Step, float64(c.in(bin))/float64(c.step)); err != nil {
			return err
		}
	}
	return nil
}

// filled returns the first bin with a request from bin on; last has one.
func (c *Counter) filled(bin, last int64) int64 {
	for bin < last && c.in(bin) == 0 {
		bin++
	}
	return bin
}

// Start returns when the first bin begins.
func (c *Counter) Start() time.Time { return time.Unix(c.bin(c.first)*c.step, 0).UTC() }

func (c *Counter) bin(unix int64) int64 { return floorDiv(unix, c.step) }

// in returns the requests of a bin.
func (c *Counter) in(bin int64) uint32 {
	if p := c.pages[floorDiv(bin, pageBins)]; p != nil {
		return p[bin-floorDiv(bin, pageBins)*pageBins]
	}
	return 0
}
