package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/load/pace"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/workload"
)

// turnFlags say when something is sent: at the rate of a workload, or by users
// who wait for their answers.
type turnFlags struct {
	workload    cli.WorkloadFlags
	users, most int
	maxInFlight int
	seed        uint64

	flags *pflag.FlagSet
	what  string // is sent: requests
}

func (f *turnFlags) add(flags *pflag.FlagSet, what string, rps float64, maxInFlight int) {
	f.flags, f.what = flags, what
	f.workload.Add(flags)
	f.workload.DefaultRate(rps)
	flags.IntVar(&f.most, what, 0, "how many "+what+" to send at the most, by default in as long as it takes; 0 for as many as there is time for")
	flags.IntVar(&f.maxInFlight, "max-in-flight", maxInFlight, what+" under way at once; those due beyond it are dropped and counted as failed")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the arrivals and of what is sent: the same seed sends the same at the same instants")
}

func (f *turnFlags) addUsers(flags *pflag.FlagSet) {
	flags.IntVar(&f.users, "users", 0, "in the place of a rate: so many users, each of whom asks again once answered (a closed loop)")
}

// closedDuration is how long users ask where nothing is said.
const closedDuration = 30 * time.Second

// plan returns when it is whose turn, in words too, and when it is over (0: it is
// not known). Its errors are usage errors.
func (f *turnFlags) plan() (pace.Options, string, time.Duration, error) {
	o := pace.Options{MaxInFlight: f.maxInFlight, Most: f.most}
	if err := f.inRange(); err != nil {
		return o, "", 0, cli.UsageError{Err: err}
	}
	if f.most > 0 {
		f.workload.Endless()
	}
	plan, err := f.workload.Plan()
	if err != nil {
		return o, "", 0, err
	}
	title, end := plan.String(), plan.Shape.Duration()
	if f.users > 0 {
		o.Users, o.For = f.users, plan.Shape.Duration()
		if f.flags.Changed("trace") && !f.flags.Changed("duration") {
			if o.For = closedDuration; f.most > 0 {
				o.For = 0
			}
		}
		title, end = scale.Count(f.users, "user"), o.For
		if end > 0 {
			title += ", " + scale.Duration(end).String()
		}
	} else {
		o.Arrivals = workload.NewArrivals(plan.Shape, plan.Arrivals, f.seed)
	}
	if f.most > 0 {
		title += fmt.Sprintf(", at most %d %s", f.most, f.what)
	}
	return o, title, end, nil
}

func (f *turnFlags) inRange() error {
	switch {
	case f.users < 0 || f.users > 100_000:
		return fmt.Errorf("--users: must be 0 (none) to 100000, got %d", f.users)
	case f.most < 0:
		return fmt.Errorf("--%s: must be 0 (no bound) or more, got %d", f.what, f.most)
	case f.maxInFlight <= 0:
		return fmt.Errorf("--max-in-flight: must be above 0, got %d", f.maxInFlight)
	case f.users == 0:
		return nil
	}
	rates := []string{"rps", "ramp-start", "ramp-end", "ramp-duration", "hold", "shape", "speed", "peak-rps", "p99-rps", "arrivals", "max-in-flight"}
	if i := slices.IndexFunc(rates, f.flags.Changed); i >= 0 {
		return fmt.Errorf("--users and --%s exclude each other: users ask again once they are answered, at no set rate", rates[i])
	}
	return nil
}

// errNoURL is that nobody knows where to send to.
var errNoURL = errors.New("--url: must be given, such as http://127.0.0.1:8000/v1")
