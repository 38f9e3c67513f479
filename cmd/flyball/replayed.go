package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/evaluate"
	page "github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/replay"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// replayed is a history with what became of it.
type replayed struct {
	flags    *replayFlags
	spec     *app.Spec // nil: no document is given
	history  *replay.History
	service  *replay.Service
	demand   *replay.Demand
	fit      replay.Fit
	recorded replay.Outcome
	scenario sim.Scenario
	assumed  []string // of the scenario, in words

	calibrated      string // the HPA that was, empty: none
	calibratedHolds bool

	job     job
	results evaluate.Results
	lines   []page.Line
	needed  []page.Count // the demand in replicas
}

// scenario is the world in which the history is played again.
func (f *replayFlags) scenario(r *replayed, topology queueing.Topology) (sim.Scenario, error) {
	s := sim.Default()
	s.Name, s.Start, s.Sync, s.Seed = r.history.Target, r.demand.Start, r.service.Sync, f.service.seed
	s.Service = r.service.Model(topology)
	if f.flags.Changed("service-law") && f.service.law != "lognormal" {
		f.service.mean = time.Duration(r.service.Mean * float64(time.Second))
		law, err := f.service.serviceLaw()
		if err != nil {
			return s, cli.UsageError{Err: err}
		}
		s.Service.Law = law
	}
	load, err := workload.Prepare(r.demand.Trace, workload.Options{Smooth: f.smooth})
	if err != nil {
		return s, err
	}
	s.Load, s.Gaps = load, r.demand.Gaps()
	f.rules(r, &s)
	s.Replicas.Startup = r.service.Startup
	s.Replicas.Initial = f.initial(r, &s)
	s.Metrics.Window, s.Metrics.CPUFull = r.service.CPUWindow, r.service.CPUFull
	if s.Metrics.Scrape = f.service.scrape; !f.flags.Changed("scrape") && r.history.Decisions {
		s.Metrics.Scrape = min(time.Second, s.Sync) // flyball run measures so often itself
	}
	if w := r.service.RateWindow; r.history.Decisions && w > 0 {
		s.Metrics.BalancerWindow = w
	}
	if full := s.Metrics.CPUFull; full > 1 {
		s.Metrics.CPULimit = full
	}
	if err := s.Validate(); err != nil {
		return s, cli.UsageError{Err: fmt.Errorf("%w\n--slo and --slo-target say what is promised", err)}
	}
	return s, nil
}

// rules are what a document says, and flags over it.
func (f *replayFlags) rules(r *replayed, s *sim.Scenario) {
	assume := func(flag, format string, args ...any) {
		if !f.flags.Changed(flag) {
			r.assumed = append(r.assumed, fmt.Sprintf(format, args...)+" (--"+flag+")")
		}
	}
	switch {
	case r.spec != nil:
		s.Replicas.Min, s.Replicas.Max, s.Replicas.Drain = r.spec.Min, r.spec.Max, r.spec.Target.Facts().DrainTimeout.Std()
		if r.spec.Objective != nil {
			s.Objective = *r.spec.Objective
		} else if stated := r.spec.Balancer.Facts().Threshold; stated > 0 {
			s.Objective.Threshold = stated
		}
	default:
		assume("slo", "a request is good within %v", s.Objective.Threshold)
		assume("slo-target", "%v %% of the requests must be good", round(s.Objective.Target*100))
		assume("max", "up to %s may be asked for", scale.Count(s.Replicas.Max, "replica"))
	}
	if f.flags.Changed("slo") {
		s.Objective.Threshold = scale.Duration(f.slo)
	}
	if f.flags.Changed("slo-target") {
		s.Objective.Target = math.Round(f.good*1e9) / 1e11 // 99.9 / 100 is not 0.999
	}
	if f.flags.Changed("min") {
		s.Replicas.Min = f.min
	}
	if f.flags.Changed("max") {
		s.Replicas.Max = f.max
	}
}

// initial is the count at the beginning of the record; 0, what the first moment
// demands, where nobody counted.
func (f *replayFlags) initial(r *replayed, s *sim.Scenario) int {
	for i := range r.history.Moments {
		if asked := r.history.Moments[i].Asked; !math.IsNaN(asked) {
			return min(max(int(asked), s.Replicas.Min), s.Replicas.Max)
		}
	}
	return 0
}

func round(v float64) float64 { return math.Round(v*1e9) / 1e9 }

// check is the simulation of what was really run, beside what it came to.
type replayCheck struct {
	Policy string `json:"policy"`
	// Differences of the simulation to what was recorded.
	ReplicaHours   float64  `json:"replica_hours_difference"` // as a share
	ViolationRatio *float64 `json:"violation_ratio_difference"`
}

// check compares the policy of the document, mean over seeds, with the record.
func (r *replayed) check() *replayCheck {
	if r.spec == nil || r.recorded.ReplicaHours == 0 {
		return nil
	}
	hours, violations, n := 0.0, 0.0, 0.0
	for _, run := range r.results.Runs {
		if run.Policy == r.spec.Contestant().Name() {
			hours, violations, n = hours+run.ReplicaHours, violations+run.ViolationRatio, n+1
		}
	}
	if n == 0 {
		return nil
	}
	c := &replayCheck{Policy: r.spec.Contestant().Name(), ReplicaHours: hours/n/r.recorded.ReplicaHours - 1}
	if r.recorded.ViolationRatio != nil {
		v := violations/n - *r.recorded.ViolationRatio
		c.ViolationRatio = &v
	}
	return c
}

// replayDocument is what results.json holds besides the runs.
type replayDocument struct {
	Source         string         `json:"source"`
	Target         string         `json:"target"`
	From           time.Time      `json:"from"`
	To             time.Time      `json:"to"`
	Hours          float64        `json:"hours"`
	LostShare      float64        `json:"unrecoverable_share"`
	Lost           []lostStretch  `json:"unrecoverable"`
	Service        []replay.Value `json:"service"`
	Fit            replay.Fit     `json:"fit"`
	Recorded       replay.Outcome `json:"as_recorded"`
	RecordedPolicy []string       `json:"recorded_policies,omitempty"`
	Check          *replayCheck   `json:"check,omitempty"`
	Calibrated     string         `json:"calibrated_hpa,omitempty"`
	// CalibratedHolds says that it keeps the objective.
	CalibratedHolds bool     `json:"calibrated_hpa_holds,omitempty"`
	Assumed         []string `json:"assumed,omitempty"`
	Notes           []string `json:"notes,omitempty"`
}

// lostStretch is a stretch that could not be recovered, as JSON.
type lostStretch struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Why   string    `json:"why"`
	Text  string    `json:"text"`
	Share float64   `json:"share"`
}

func lostOf(d *replay.Demand) []lostStretch {
	lost := []lostStretch{}
	for _, s := range d.Lost {
		lost = append(lost, lostStretch{d.Start.Add(s.From).UTC(), d.Start.Add(s.To).UTC(), s.Why, s.Text, round((s.To - s.From).Seconds() / d.Length.Seconds())})
	}
	return lost
}

// document is what --json prints, and results.json holds.
func (r *replayed) document() any {
	d := r.demand
	return struct {
		evaluate.Results
		Replay replayDocument `json:"replay"`
	}{r.results, replayDocument{
		Source: r.history.Source, Target: r.history.Target, From: d.Start.UTC(), To: d.Start.Add(d.Length).UTC(), Hours: d.Length.Hours(),
		LostShare: d.LostShare(), Lost: lostOf(d), Service: r.service.Values, Fit: r.fit, Recorded: r.recorded, RecordedPolicy: r.history.Policies,
		Check: r.check(), Calibrated: r.calibrated, CalibratedHolds: r.calibratedHolds, Assumed: r.assumed, Notes: r.history.Notes,
	}}
}

// save writes the results into the folder.
func (f *replayFlags) save(r *replayed) error {
	if f.out == "" {
		return nil
	}
	return saveAll(f.out, map[string]func(io.Writer) error{
		"results.json": func(w io.Writer) error { return printJSON(w, r.document()) },
		"results.csv":  r.results.WriteCSV,
		"report.html":  func(w io.Writer) error { return page.Write(w, r.page()) },
	})
}

// saveAll writes files beside their places, then moves them there.
func saveAll(dir string, files map[string]func(io.Writer) error) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, write := range files {
		path := filepath.Join(dir, name)
		f, err := os.CreateTemp(dir, "."+name+"-*")
		if err != nil {
			return err
		}
		err = write(f)
		if err == nil {
			err = f.Chmod(0o644)
		}
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			os.Remove(f.Name()) //nolint:errcheck // the first error counts
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}

// draw plays every contestant once more as a fluid, for its timeline.
func (r *replayed) draw(ctx context.Context) error {
	step := timelineStep(r.demand.Length)
	r.lines = []page.Line{{Policy: asRecorded, Moments: r.history.Timeline(r.demand, r.service, step)}}
	if r.flags.out == "" {
		return nil
	}
	c := r.job.cases[0]
	c.Scenario.Timeline = step
	pictures, err := evaluate.NewPictures([]evaluate.Case{c})
	if err != nil {
		return err
	}
	r.needed = countsOf(pictures.Demand()[c.Trace])
	for _, who := range r.job.contestants {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		moments, err := pictures.Timeline(c.Trace, who, r.job.seeds[0])
		if err != nil {
			continue // it is a failure of the results already
		}
		r.lines = append(r.lines, page.Line{Policy: who.Name(), Moments: moments})
	}
	return nil
}

// countsOf is a demand where it changes.
func countsOf(d *evaluate.Demand) []page.Count {
	var all []page.Count
	for i, n := range d.Replicas {
		if i == 0 || n != d.Replicas[i-1] {
			all = append(all, page.Count{At: time.Duration(i) * d.Step, Replicas: n})
		}
	}
	return all
}
