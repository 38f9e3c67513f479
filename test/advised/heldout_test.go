package advised

import (
	"fmt"
	"testing"
	"time"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// unseen are loads that no constant of the policy was chosen by: the random shapes
// by other seeds, others with other peaks, rises and start-up times, and recorded
// traces.
func unseen(t *testing.T) []*sim.Scenario {
	t.Helper()
	var all []*sim.Scenario
	add := func(name string, seed uint64, startup time.Duration, load workload.Shape) {
		s := world(name, load, 0)
		s.Seed, s.Replicas.Startup = seed, startup
		all = append(all, s)
	}
	const hours = 4 * time.Hour
	usual := 30 * time.Second
	for seed := uint64(11); seed <= 15; seed++ {
		add(fmt.Sprintf("mmpp, seed %d", seed), seed, usual, jumps(seed))
		add(fmt.Sprintf("on-off, seed %d", seed), seed, usual, workload.OnOff{
			High: 1000, Low: 100, HighFor: 4 * time.Minute, LowFor: 6 * time.Minute, Random: true, Seed: seed, For: hours,
		}.Shape())
	}
	add("steps, start-up 90 s", 11, 90*time.Second, workload.Clip(workload.Repeat(workload.Steps{
		{RPS: 300, For: 25 * time.Minute}, {RPS: 1400, For: 20 * time.Minute}, {RPS: 700, For: 35 * time.Minute}}), 0, hours))
	add("flash crowds, start-up 60 s", 12, time.Minute, workload.Clip(workload.Repeat(workload.FlashCrowd{
		Base: 150, Peak: 900, At: 70 * time.Minute, Rise: 20 * time.Second, Hold: 25 * time.Minute, Decay: 3 * time.Minute, For: 2 * time.Hour}), 0, hours))
	add("diurnal-flash, twice as high", 13, usual, workload.Clip(workload.Repeat(workload.Scale(workload.DiurnalFlash(), 20)), 0, hours))
	for _, tr := range []struct {
		name, file string
		options    workload.Options
	}{
		{"NASA, 13 July 1995", "nasa_http_1995-07-13_10s.csv", workload.Options{Window: workload.Span{From: 8 * time.Hour, To: 14 * time.Hour}, Smooth: 30, PeakRPS: 1000}},
		{"World Cup, a match day", "worldcup98_1998-06-01_to_06-26_1min.csv", workload.Options{Window: workload.Span{From: 14*day + 12*time.Hour, To: 14*day + 18*time.Hour}, PeakRPS: 1500}},
		{"Azure LLM, chat", "azure_llm_2023_conv_1s.csv", workload.Options{Smooth: 30, PeakRPS: 1000}},
		{"ServeGen, one tenant", "servegen_m-small_client38_10min.csv", workload.Options{Window: workload.Span{To: 12 * time.Hour}, PeakRPS: 1500, Interpolate: true}},
	} {
		trace, err := workload.OpenTrace(testenv.Trace(t, tr.file))
		if err != nil {
			t.Fatal(err)
		}
		if trace, err = workload.Prepare(trace, tr.options); err != nil {
			t.Fatal(err)
		}
		add(tr.name, 14, usual, trace)
		all[len(all)-1].Gaps = trace.Gaps()
	}
	return all
}

// jumps are four hours of a load that stays at one of three rates for some minutes.
func jumps(seed uint64) workload.Shape {
	return workload.MMPP{
		States: []workload.State{{RPS: 100, Stay: 5 * time.Minute}, {RPS: 400, Stay: 4 * time.Minute}, {RPS: 1000, Stay: 2 * time.Minute}},
		Seed:   seed, For: 4 * time.Hour,
	}.Shape()
}

// A jump that a replica more would have met makes hundredths of all requests late, and
// whoever has a count of others in the minutes before may be that replica above or below. So
// single plays differ by chance, up and down; over many the worst advisors add nothing.
func TestOneReplicaFewerAtAJumpIsChance(t *testing.T) {
	testenv.Long(t)
	const first, last, lambda = 21, 40, 0.05
	plugins := builtin.New()
	type sum struct{ points, cost, least, most float64 }
	all := map[string]*sum{}
	for seed := uint64(first); seed <= last; seed++ {
		s := world(fmt.Sprintf("mmpp, seed %d", seed), jumps(seed), 0)
		s.Seed = seed
		base := play(t, plugins, s, "predictive")
		for _, quality := range harmful[:6] { // the others give no advice
			r := play(t, plugins, s, behind(lambda, "quality="+quality))
			more := 100 * (r.AvoidableRatio() - base.AvoidableRatio())
			a := all[quality]
			if a == nil {
				a = &sum{least: more, most: more}
				all[quality] = a
			}
			a.points, a.cost = a.points+more, a.cost+cost(s, r)/cost(s, base)
			a.least, a.most = min(a.least, more), max(a.most, more)
		}
	}
	const plays = last - first + 1
	for _, quality := range harmful[:6] {
		a := all[quality]
		t.Logf("| %s | %.3f | %+.3f | %+.3f to %+.3f |", quality, a.cost/plays, a.points/plays, a.least, a.most)
		if a.points/plays > 0.05 || a.cost/plays > 1+lambda {
			t.Errorf("%s: %+.3f points more violations than the base alone, %.3f times its cost, in the mean of %d plays: want at most 0.05 and %v", quality, a.points/plays, a.cost/plays, plays, 1+lambda)
		}
	}
}

// The loads were played once, with the constants as they were, and the constants are
// not to be chosen by them: docs/advisor.md shows what came of it.
func TestTheWorstAdvisorsOnUnseenLoads(t *testing.T) {
	testenv.Long(t)
	harmless(t, unseen(t), harmful)
}

// otherCrowds are three times the load too, on another day, of a service that
// starts in a minute.
func otherCrowds() *sim.Scenario {
	quiet := workload.Diurnal{Base: 150, Peak: 500, Period: day, For: day}
	all := []workload.Shape{quiet}
	for at := 3 * time.Hour; at < day; at += 5 * time.Hour {
		all = append(all, workload.FlashCrowd{Peak: 2 * quiet.Rate(at), At: at, Hold: 20 * time.Minute, Decay: 8 * time.Minute, For: day})
	}
	s := world("other crowds of three times the load", workload.Sum(all...), time.Hour)
	s.Replicas.Startup = time.Minute
	return s
}

const otherForeknowing = `quality=knowing,advisor.simulated.knows=[{"at":"3h","for":"3m","times":3,"every":"5h"}]`

func TestForeknowledgeOfUnseenCrowds(t *testing.T) {
	testenv.Long(t)
	worthwhile(t, crowds, foreknowing, 11, 12, 13, 14, 15)
	worthwhile(t, otherCrowds, otherForeknowing, 11, 12, 13, 14, 15)
}
