package cli

import (
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
