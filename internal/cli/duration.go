package cli

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/scale"
)

// DurationVar adds a flag for a duration with a unit: ms, s, m, h or d.
func DurationVar(flags *pflag.FlagSet, d *time.Duration, name string, value time.Duration, usage string) {
	*d = value
	flags.Var((*duration)(d), name, usage)
}

type duration time.Duration

var _ pflag.Value = (*duration)(nil)

// Set implements [pflag.Value].
func (d *duration) Set(text string) error {
	v, err := scale.ParseDuration(text)
	*d = duration(v)
	return err
}

// String implements [pflag.Value].
func (d *duration) String() string {
	if *d == 0 {
		return "" // no default shown in the help
	}
	return scale.Duration(*d).String()
}

// Type implements [pflag.Value].
func (d *duration) Type() string { return "duration" }

// BareDurationVar is DurationVar that takes a number without a unit too, as so
// many of unit.
func BareDurationVar(flags *pflag.FlagSet, d *time.Duration, name string, value, unit time.Duration, usage string) {
	*d = value
	flags.Var(&bareDuration{(*duration)(d), unit}, name, usage)
}

type bareDuration struct {
	*duration
	unit time.Duration
}

// Set implements [pflag.Value].
func (b *bareDuration) Set(text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return b.duration.Set(text)
	}
	if !(n >= 0 && n <= float64(math.MaxInt64/b.unit)) {
		return fmt.Errorf("must be 0 or more, got %s", text)
	}
	*b.duration = duration(n * float64(b.unit))
	return nil
}
