package advised

import (
	"fmt"
	"testing"
	"time"

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
		add(fmt.Sprintf("mmpp, seed %d", seed), seed, usual, workload.MMPP{
			States: []workload.State{{RPS: 100, Stay: 5 * time.Minute}, {RPS: 400, Stay: 4 * time.Minute}, {RPS: 1000, Stay: 2 * time.Minute}},
			Seed:   seed, For: hours,
		}.Shape())
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
