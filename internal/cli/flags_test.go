package cli

import (
	"errors"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestFlagErrorsSayWhatIsAllowed(t *testing.T) {
	for _, tc := range []struct{ arg, want string }{
		{"--rate=fast", `--rate: must be a number, got "fast"`},
		{"--count=1.5", `--count: must be a whole number, got "1.5"`},
		{"--seed=-1", `--seed: must be a whole number of 0 or more, got "-1"`},
		{"--json=maybe", `--json: must be true or false, got "maybe"`},
		{"--for=5", `--for: "5" is not a duration: use a number with a unit (ms, s, m, h, d), for example 30s`},
		{"--speed=1", "unknown flag: --speed"},
	} {
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		flags.Float64("rate", 0, "")
		flags.Int("count", 0, "")
		flags.Uint64("seed", 0, "")
		flags.Bool("json", false, "")
		DurationVar(flags, new(time.Duration), "for", 0, "")
		err := FlagError(flags.Parse([]string{tc.arg}))
		if err.Error() != tc.want || !errors.As(err, new(UsageError)) {
			t.Errorf("%s: got %v, want %s", tc.arg, err, tc.want)
		}
	}
}

func TestABareNumberHasTheUnitOfItsFlag(t *testing.T) {
	for text, want := range map[string]time.Duration{"300": 5 * time.Minute, "0.5": 500 * time.Millisecond, "2m": 2 * time.Minute, "0": 0} {
		var got time.Duration
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		BareDurationVar(flags, &got, "for", time.Hour, time.Second, "")
		if err := flags.Parse([]string{"--for=" + text}); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"-1", "NaN", "1e300", "soon", ""} {
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		BareDurationVar(flags, new(time.Duration), "for", 0, time.Second, "")
		if flags.Parse([]string{"--for=" + text}) == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
