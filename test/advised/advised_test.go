package advised

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

const (
	most = 60
	day  = 24 * time.Hour
)

// world is the evaluation's service, of 50 requests per second and replica, under
// a load.
func world(name string, load workload.Shape, warmup time.Duration) *sim.Scenario {
	s := sim.Default()
	s.Name, s.Load, s.Warmup, s.Replicas.Max, s.Replicas.Initial = name, load, warmup, most, 4
	return &s
}

// aDay is that of the ten worst advisors of an envelope.
func aDay() *sim.Scenario {
	crowded := workload.Sum(workload.Diurnal{Base: 50, Peak: 1000, Period: day, For: day},
		workload.FlashCrowd{Peak: 600, At: 18 * time.Hour, Rise: 2 * time.Minute, Hold: 20 * time.Minute, Decay: 10 * time.Minute, For: day})
	return world("a day with a crowd", crowded, 0)
}

// shapes are the bundled ones, ten times as high. Each is played four times over,
// all of it scored: the one jump of an hour is met or missed by a replica, whatever
// anybody advises.
func shapes(t testing.TB) []*sim.Scenario {
	t.Helper()
	var all []*sim.Scenario
	for _, name := range workload.Names() {
		shape, err := workload.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, world(name, workload.Clip(workload.Repeat(workload.Scale(shape, 10)), 0, 4*time.Hour), 0))
	}
	return all
}

// play plays a policy as flyball evaluate does with --policy.
func play(t *testing.T, plugins *builtin.Registry, s *sim.Scenario, policy string) *sim.Result {
	t.Helper()
	return watched(t, plugins, s, policy, sim.Options{})
}

func watched(t *testing.T, plugins *builtin.Registry, s *sim.Scenario, policy string, o sim.Options) *sim.Result {
	t.Helper()
	c, err := app.Contestants{Plugins: plugins}.Parse(policy)
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.New(s)
	if err != nil {
		t.Fatal(err)
	}
	w, err := sim.NewFluid(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sim.Run(s, w, d, o)
}

// behind is the policy with an advisor, within what the base alone costs and a
// surcharge.
func behind(lambda float64, simulated string) string {
	return fmt.Sprintf("advised:advisor.simulated.%s,envelope.lambda=%v", simulated, lambda)
}

// cost is what was paid and missed, in replica-hours: as many violations as the
// objective allows cost as much as one replica.
func cost(s *sim.Scenario, r *sim.Result) float64 {
	return r.ReplicaHours() + r.AvoidableRatio()/(1-s.Objective.Target)*r.Scored.Hours()
}

// harmful are the qualities of which nothing good is to be expected.
var harmful = []string{advised.Wrong, advised.Random, advised.HostileMin, advised.HostileMax, advised.HostileAlternate, advised.HostilePeak,
	advised.Slow, advised.Limited, advised.Malformed}

// Whatever an advisor says or fails to say all of the time, a surcharge of a
// twentieth is not exceeded, and hardly anything more is late.
func TestTheWorstAdvisorsDoNoHarm(t *testing.T) {
	testenv.Long(t)
	harmless(t, []*sim.Scenario{aDay()}, harmful)
}

func TestTheWorstAdvisorsDoNoHarmOnBundledShapes(t *testing.T) {
	testenv.Long(t)
	harmless(t, shapes(t), harmful)
}

// The same on one shape, in a moment.
func TestBadAdvisorsDoNoHarm(t *testing.T) {
	s := shapes(t)[3]
	harmless(t, []*sim.Scenario{s}, []string{advised.HostileMin, advised.HostileMax, advised.Malformed})
}

// mark is the most that a bad advisor may add: to the cost with violations, as a
// factor of that of the base, and to the avoidable violations, in points.
type mark struct{ cost, points float64 }

// markOf is a factor of 1.05 and 0.05 points, but for what is known to miss that and
// is published so in docs/advisor.md. Both are one jump that is met with a replica fewer,
// because the base had learned the service by a hair differently where there were others:
// TestOneReplicaFewerAtAJumpIsChance.
func markOf(load string) mark {
	switch load {
	case "mmpp":
		return mark{1.065, 0.195} // 7 replicas instead of 8
	case "mmpp, seed 15":
		return mark{1.05, 0.165} // 23 instead of 24
	}
	return mark{1.05, 0.05}
}

func harmless(t *testing.T, worlds []*sim.Scenario, qualities []string) {
	t.Helper()
	const lambda = 0.05
	var table strings.Builder
	plugins := builtin.New()
	for _, s := range worlds {
		base := play(t, plugins, s, "predictive")
		fmt.Fprintf(&table, "| **%s**, the base alone | %.1f | 1 | 1 | %.3f %% | |\n", s.Name, base.ReplicaHours(), 100*base.AvoidableRatio())
		for _, quality := range qualities {
			r := play(t, plugins, s, behind(lambda, "quality="+quality))
			hours, whole := r.ReplicaHours()/base.ReplicaHours(), cost(s, r)/cost(s, base)
			more := 100 * (r.AvoidableRatio() - base.AvoidableRatio())
			fmt.Fprintf(&table, "| %s | %.1f | %.3f | %.3f | %.3f %% | %+.3f |\n", quality, r.ReplicaHours(), hours, whole, 100*r.AvoidableRatio(), more)
			if mark := markOf(s.Name); hours > 1+lambda || whole > mark.cost {
				t.Errorf("%s, %s: %.3f times the replica-hours of the base, %.3f times its cost with violations: want at most %v and %v", s.Name, quality, hours, whole, 1+lambda, mark.cost)
			} else if more > mark.points {
				t.Errorf("%s, %s: %.3f points more violations than the base alone, want at most %v", s.Name, quality, more, mark.points)
			}
			if allowed := 1 - s.Objective.Target; base.AvoidableRatio() <= allowed && r.AvoidableRatio() > allowed {
				t.Errorf("%s, %s: %.3f %% late, where the base keeps the objective", s.Name, quality, 100*r.AvoidableRatio())
			}
		}
	}
	t.Logf("\n| load, advisor | replica-hours | × the base | cost with violations × the base | avoidable violations | points more |\n|---|---|---|---|---|---|\n%s", table.String())
}

// crowds is a day of 100 to 400 requests per second on which, every six hours,
// three times as many come at once.
func crowds() *sim.Scenario {
	const every = 6 * time.Hour
	quiet := workload.Diurnal{Base: 100, Peak: 400, Period: day, For: day}
	all := []workload.Shape{quiet}
	for at := 4 * time.Hour; at < day; at += every {
		all = append(all, workload.FlashCrowd{Peak: 2 * quiet.Rate(at), At: at, Hold: 15 * time.Minute, Decay: 5 * time.Minute, For: day})
	}
	return world("crowds of three times the load", workload.Sum(all...), time.Hour)
}

// foreknowing is told two minutes ahead, for the three minutes it takes until
// everybody sees it.
const foreknowing = `quality=knowing,advisor.simulated.knows=[{"at":"4h","for":"3m","times":3,"every":"6h"}]`

// Who knows of flash crowds two minutes ahead takes away at least half of what is
// late, the first crowd included, before which nobody knew what its word is worth.
func TestForeknowledgeOfCrowdsIsWorthIt(t *testing.T) {
	testenv.Long(t)
	worthwhile(t, crowds, foreknowing, 1, 2, 3)
}

func worthwhile(t *testing.T, load func() *sim.Scenario, knowing string, seeds ...uint64) {
	t.Helper()
	plugins := builtin.New()
	var table strings.Builder
	for _, seed := range seeds {
		s := load()
		s.Seed = seed
		base, with := play(t, plugins, s, "predictive"), play(t, plugins, s, behind(0.2, knowing))
		hours, late := with.ReplicaHours()/base.ReplicaHours(), with.AvoidableRatio()/base.AvoidableRatio()
		fmt.Fprintf(&table, "| %d | %.1f, %.3f %% | %.1f, %.3f %% | %.3f | %.0f %% |\n", s.Seed,
			base.ReplicaHours(), 100*base.AvoidableRatio(), with.ReplicaHours(), 100*with.AvoidableRatio(), hours, 100*(1-late))
		if hours > 1.05 {
			t.Errorf("seed %d: %.1f replica-hours, the base alone %.1f: want at most a twentieth more", s.Seed, with.ReplicaHours(), base.ReplicaHours())
		}
		if !(late <= 0.5) {
			t.Errorf("seed %d: %.3f %% late, the base alone %.3f %%: want half of it", seed, 100*with.AvoidableRatio(), 100*base.AvoidableRatio())
		}
	}
	t.Logf("\n%s\n| seed | the base alone: replica-hours, avoidable | told two minutes ahead | × replica-hours | violations gone |\n|---|---|---|---|---|\n%s", load().Name, table.String())
}
