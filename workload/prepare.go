package workload

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Options say which part of a trace is played how. The zero value plays all of
// it as it was recorded.
type Options struct {
	// Window is the part that is scored, in the time of the trace. A To of 0, or
	// beyond the end, is the end. The zero value is all that follows Warmup.
	Window Span
	// Warmup is the history before the window: it is played, so that policies
	// have seen it, and not scored.
	Warmup time.Duration
	// Rebin widens the bins; 0 leaves them.
	Rebin time.Duration
	// Smooth is how many recorded requests a bin or its neighbourhood must
	// hold ([Trace.Smoothed]); 0 leaves the counts.
	Smooth float64
	// At most one of P99RPS and PeakRPS: the rate that the scored window does
	// not exceed for 99 % of the recorded time, or ever. 0 leaves the rates.
	P99RPS, PeakRPS float64
	// Interpolate lets the rate run in straight lines between the centres of
	// bins ([Trace.Interpolated]).
	Interpolate bool
}

// ErrUnscaled is what is wrong with usage that is to be played as it is. The
// caller knows how rates are set.
var ErrUnscaled = errors.New("which is a load only when it is scaled")

// Prepare returns the part of the trace that is to be played, beginning at 0
// with the warm-up: what is from Options.Warmup on is scored, except in
// [Trace.Gaps].
//
//	 trace ├────────────────────────────────┤
//	            ├ warm-up ┼── window ──┤
//	result      0         Warmup       Duration
//
// The order of the steps is fixed, because it makes a difference:
//
//  1. Rebin, so that the edges of wide bins lie where they do in every window.
//  2. Smooth, which counts what the bins that are played hold, and looks
//     beyond the window: an instant has the same rate in every window.
//  3. Window, with the warm-up before it.
//  4. Scale by the quantile of the scored part alone, as it is after smoothing:
//     neither the warm-up nor a spike of noise decides how large the load is.
//  5. Interpolate, last, since it makes quantiles those of lines. Beside a gap
//     and at both ends of what is played the rate of the bin holds.
//
// Every fault is an error that says what is allowed.
func Prepare(t *Trace, o Options) (*Trace, error) {
	if err := o.check(t); err != nil {
		return nil, err
	}
	t, err := t.Rebinned(o.Rebin)
	if err != nil {
		return nil, fmt.Errorf("rebin: %w", err)
	}
	t = t.Smoothed(o.Smooth)
	from, to := o.Window.From, o.Window.To
	if o.Window == (Span{}) {
		from = o.Warmup
	}
	scored, err := t.Window(from, to)
	if err != nil {
		return nil, err
	}
	factor, err := o.factor(scored)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", t.name, err)
	}
	if t, err = t.Window(from-o.Warmup, to); err != nil {
		return nil, err
	}
	if factor != 1 {
		t = t.Scaled(factor)
	}
	if o.Interpolate {
		t = t.Interpolated()
	}
	return t, nil
}

// factor is what brings the scored part to the rate that is asked for.
func (o Options) factor(scored *Trace) (float64, error) {
	switch {
	case o.P99RPS > 0:
		return Factor(scored, 0.99, o.P99RPS)
	case o.PeakRPS > 0:
		return Factor(scored, 1, o.PeakRPS)
	}
	return 1, nil
}

// check reports all faults of the options at once.
func (o Options) check(t *Trace) error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(t.bins) == 0 {
		fault("trace %s: is empty: must hold at least one bin", t.name)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"window", o.Window.From}, {"window", o.Window.To}, {"warm-up", o.Warmup}, {"rebin", o.Rebin}} {
		if d.value < 0 {
			fault("%s: must be 0 or more, got %v", d.name, d.value)
		}
	}
	for _, n := range []struct {
		name  string
		value float64
	}{{"smooth", o.Smooth}, {"p99 rate", o.P99RPS}, {"peak rate", o.PeakRPS}} {
		if !(n.value >= 0) || math.IsInf(n.value, 1) {
			fault("%s: must be a number of 0 or more, got %v", n.name, n.value)
		}
	}
	scaled := o.P99RPS > 0 || o.PeakRPS > 0
	switch {
	case o.P99RPS > 0 && o.PeakRPS > 0:
		fault("p99 rate and peak rate exclude each other: set one of them")
	case t.quantity != RequestRate && !scaled:
		fault("trace %s: holds %s, %w: set the p99 rate or the peak rate", t.name, t.quantity, ErrUnscaled)
	}
	return errors.Join(append(errs, o.fit(t)...)...)
}

// fit reports what the trace is too short for.
func (o Options) fit(t *Trace) (errs []error) {
	warmup, length := scale.Duration(o.Warmup), scale.Duration(t.length)
	switch {
	case o.Window != (Span{}) && o.Window.From < o.Warmup:
		from := scale.Duration(o.Window.From)
		errs = append(errs, fmt.Errorf("warm-up: needs %v of the trace before the window, which begins at %v: must begin at %v or later", warmup, from, warmup))
	case o.Window == (Span{}) && o.Warmup > 0 && o.Warmup >= t.length:
		errs = append(errs, fmt.Errorf("warm-up: %v leaves nothing of %s to be scored: must be below its length, %v", warmup, t.name, length))
	}
	if o.Rebin > t.length {
		errs = append(errs, fmt.Errorf("rebin: bins of %v: must be at most as wide as %s is long, %v", scale.Duration(o.Rebin), t.name, length))
	}
	return errs
}
