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
