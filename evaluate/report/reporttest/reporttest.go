// Package reporttest invents reports, so that the page can be tested without
// hours of simulation: loads that swing and burst, and policies that follow
// them with different head-room and delay.
package reporttest

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/sim"
)

// Shape is how large a report is.
type Shape struct {
	Traces, Policies int
	Length           time.Duration
	// Step is the time between two moments.
	Step time.Duration
}

// follower is an invented policy: replicas for the load of some time ago, and
// some more.
type follower struct {
	name     string
	headroom float64
	delay    time.Duration
}

func followers(n int) []follower {
	known := []follower{
		{"hpa:cpuUtilization=65", 1 / 0.65, 300 * time.Second}, {"predictive", 1.18, 5 * time.Second}, {"kpa", 1.35, 45 * time.Second},
		{"static:replicas=40", 0, 0}, {"threshold:high=80,low=40", 1.6, 150 * time.Second}, {"sqrt:beta=2", 1.25, 35 * time.Second},
		{"baseline", 1.5, 60 * time.Second}, {"hpa:requestRate=35", 1.43, 75 * time.Second},
	}
	for i := len(known); i < n; i++ {
		known = append(known, follower{fmt.Sprintf("policy-%d", i), 1.2 + 0.1*float64(i), time.Minute})
	}
	return known[:n]
}

const perReplica = 50.0

// New invents a report. The same shape gives the same report.
func New(s Shape) report.Report {
	r := report.Report{
		Title:     fmt.Sprintf("Evaluation of %s on %s", plural(s.Policies, "policy", "policies"), plural(s.Traces, "trace", "traces")),
		Setting:   "lognormal service of 80 ms, 4 at a time; least connections; start-up 30 s",
		Objective: report.Objective{Threshold: 500 * time.Millisecond, Target: 0.999},
		Currency:  "$",
		Limits: []string{
			"A simulation: no replica shares a machine with another, and the network takes no time.",
			"Traces of web and inference services; batch work was not tried.",
		},
		Reproduce: report.Reproduce{
			Command: "flyball evaluate --protocol bench/protocol.yaml --policy hpa:cpuUtilization=65 --policy predictive --seeds 10 --timeline --out results",
			Version: "v0.4.0", Protocol: "bench/protocol.yaml sha256:5c1f…9a", Seeds: []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		},
	}
	policies := followers(s.Policies)
	for i := range s.Traces {
		t, runs := trace(i, s, policies)
		r.Traces = append(r.Traces, t)
		r.Runs = append(r.Runs, runs...)
		r.Reproduce.Traces = append(r.Reproduce.Traces, t.Name)
	}
	r.Frontiers = frontiers(s.Traces, policies)
	for _, p := range policies {
		r.Policies = append(r.Policies, p.name)
	}
	if s.Policies > 1 {
		for _, p := range policies[1:] {
			r.Comparisons = append(r.Comparisons, comparison(policies[0], p, s.Traces))
		}
	}
	r.Standings = standings(policies, s.Traces)
	if s.Policies > 0 {
		r.Topologies = []report.Topology{
			{Name: "random", Policy: policies[0].name, ReplicaHours: 296, Avoidable: 0.00098, Current: true},
			{Name: "least connections", Policy: policies[0].name, ReplicaHours: 122, Avoidable: 0.00096},
			{Name: "one central queue", Policy: policies[0].name, ReplicaHours: 120, Avoidable: 0.00099},
		}
		r.Calibration = []report.Table{{
			Title: "One HPA setting for every workload", Text: "The cheapest of 42 settings that holds all tuning traces.",
			Columns: []string{"Avoidable violations", "Target", "Window", "By the oracle's"},
			Rows:    [][]string{{"0.1\u00a0%", "35\u00a0%", "300\u00a0s", "2.66\u00a0×"}, {"1\u00a0%", "65\u00a0%", "300\u00a0s", "1.57\u00a0×"}},
		}}
	}
	return r
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// rate is a swing over a day with a burst, and some noise that is always the
// same.
func rate(trace int, t, length time.Duration) float64 {
	x := float64(t) / float64(length)
	wobble := math.Sin(t.Seconds()/37+float64(trace)) * math.Sin(t.Seconds()/61)
	burst := 900 * math.Exp(-math.Pow((x-0.62-0.02*float64(trace%5))/0.015, 2))
	return (500+380*math.Sin(2*math.Pi*(x*float64(1+trace%3)-0.2)))*(1+0.04*wobble) + burst*float64(1+trace%2)
}

func trace(i int, s Shape, policies []follower) (report.Trace, []report.Run) {
	names := []string{"nasa_http_1995-07-13", "worldcup98_june", "servegen_m-small", "azure_llm_2023_conv", "nab_elb_request_count", "servegen_client17"}
	t := report.Trace{
		Name: fmt.Sprintf("%s #%d", names[i%len(names)], i+1), About: "p99 scaled to 1,500 requests/s; bins of 60 s", Length: s.Length,
		Unscored: []report.Unscored{{From: 0, To: s.Length / 40, Why: "warm-up"}},
	}
	if i%4 == 1 {
		t.Start = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	}
	var runs []report.Run
	oracle := 0.0
	for at := time.Duration(0); at < s.Length; at += s.Step {
		need := int(math.Ceil(rate(i, at, s.Length)*1.1/perReplica)) + 1
		t.Demand = append(t.Demand, report.Count{At: at, Replicas: need})
		t.Oracle = append(t.Oracle, report.Count{At: at, Replicas: max(need, int(math.Ceil(rate(i, min(at+30*time.Second, s.Length), s.Length)*1.1/perReplica))+1)})
		oracle += float64(need) * s.Step.Hours()
	}
	for _, p := range policies {
		line, run := p.follow(i, s)
		run.Trace, run.Oracle = t.Name, oracle
		t.Lines, runs = append(t.Lines, line), append(runs, run)
	}
	return t, runs
}

// follow invents what happens under a policy.
func (p follower) follow(i int, s Shape) (report.Line, report.Run) {
	line, run := report.Line{Policy: p.name}, report.Run{Policy: p.name}
	want := func(at time.Duration) int {
		if p.headroom == 0 {
			return 40
		}
		at = (at - p.delay).Truncate(15 * time.Second)
		return max(1, int(math.Ceil(rate(i, max(0, min(at, s.Length)), s.Length)*p.headroom/perReplica)))
	}
	for at := time.Duration(0); at < s.Length; at += s.Step {
		load := rate(i, at, s.Length)
		ready := want(at)
		busy := load / perReplica / float64(ready)
		m := sim.Moment{At: at, Desired: want(at + 30*time.Second), Ready: ready, RequestRate: load, Utilization: min(1, busy), P95: 0.155}
		m.Billed = max(m.Desired, m.Ready)
		if busy > 0.86 {
			m.P95 = 0.155 * math.Pow(1+4*(min(busy, 1.6)-0.86), 3) * (1 + 0.1*math.Sin(at.Seconds()))
		}
		run.ReplicaHours += float64(m.Billed) * s.Step.Hours()
		run.Avoidable += max(0, busy-0.95) * 0.02 * float64(s.Step) / float64(s.Length)
		line.Moments = append(line.Moments, m)
	}
	return line, run
}

func frontiers(traces int, policies []follower) []report.Frontier {
	if traces == 0 {
		return nil
	}
	all := []report.Frontier{{}}
	for i := range traces {
		all = append(all, report.Frontier{Name: fmt.Sprintf("trace #%d", i+1)})
	}
	for i := range all {
		for k, p := range policies {
			if k < 2 {
				k = 1 - k
			}
			c := report.Curve{Policy: p.name}
			for target := 30; target <= 90; target += 10 {
				x := float64(target)
				ratio := (0.98 + 0.09*float64(k)) * math.Pow(100/x, 0.75+0.04*float64(i%4))
				c.Points = append(c.Points, report.Point{Setting: fmt.Sprintf("%d\u00a0%%", target), Ratio: ratio, Avoidable: max(0, math.Pow(10, -6.4+x/17+0.1*float64(k))-4e-6)})
				if p.headroom == 0 {
					c.Points = []report.Point{{Ratio: 2.4 + 0.3*float64(i), Avoidable: 0.0004}}
				}
			}
			all[i].Curves = append(all[i].Curves, c)
		}
	}
	return all
}

func comparison(base, p follower, traces int) report.Comparison {
	c := report.Comparison{Baseline: base.name, Candidate: p.name, Equal: true, Note: "Values are geometric means over traces.", Basis: "at 0.1\u00a0% avoidable violations, over " + plural(traces, "trace", "traces")}
	before := map[string]float64{
		"latency_mean_seconds": 0.091, "latency_p50_seconds": 0.077, "latency_p90_seconds": 0.141, "latency_p95_seconds": 0.168, "latency_p99_seconds": 0.291,
		"scaling_actions": 412, "direction_changes": 96, "replica_variance": 61.4, "replica_hours": 1745.3, "cost": 69.81, "cost_ratio": 1.57, "mean_replicas": 24.2,
		"reaction_seconds": 74, "overshoot_ratio": 0.38, "undershoot_replica_seconds": 10450, "theta_u": 0.41, "theta_o": 42, "tau_u": 2.1, "tau_o": 95,
		"accuracy_within_one": 0.11, "violation_ratio": 0.00101, "avoidable_violation_ratio": 0.00099, "intrinsic_violation_ratio": 0.00002, "failed_requests": 0,
	}
	for i, m := range report.Metrics() {
		gain := 0.31 - (p.headroom-1.18)*0.8
		switch {
		case m.Key == "intrinsic_violation_ratio" || m.Key == "failed_requests":
			c.Rows = append(c.Rows, report.Row{Key: m.Key, Baseline: before[m.Key], Candidate: before[m.Key]})
			continue
		case m.Group == report.Latency:
			gain = 0.02 - 0.03*float64(i)
		case m.Group == report.SLA:
			gain = 0.004
		case m.Group == report.Stability:
			gain = -0.12 * float64(i-5)
		}
		row := report.Row{Key: m.Key, Baseline: before[m.Key], Improvement: &report.Estimate{Value: gain, Low: gain - 0.07, High: gain + 0.06}}
		row.Candidate = row.Baseline * (1 - gain)
		if m.MoreIsBetter {
			row.Candidate = row.Baseline * (1 + gain)
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

func standings(policies []follower, traces int) []report.Standing {
	var all []report.Standing
	for _, level := range []float64{0.001, 0.01} {
		for i, p := range policies {
			if i < 2 {
				i = 1 - i
			}
			v := 1.07 + 0.22*float64(i) - 10*level
			s := report.Standing{Policy: p.name, Level: level, Median: v - 0.01, Mean: report.Estimate{Value: v, Low: v - 0.03, High: v + 0.08}, Worst: v + 0.4, WorstTrace: "nasa_http_1995-07-13 #1", Reached: traces, Of: traces}
			if p.headroom == 0 && level < 0.01 {
				s.Reached = 0
			}
			all = append(all, s)
		}
	}
	return all
}
