package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Options of a judgement. The zero value plays everything on all cores and
// keeps nothing.
type Options struct {
	// Workers play at once; 0: as many as there are cores for.
	Workers int
	// Progress, if any, is told how many of the plays are done, those of the
	// oracle included. Calls do not overlap.
	Progress func(done, total int)
	// Keep is a folder in which finished plays are kept. The next call takes over
	// what it finds there of the same case, contestant, seed and program: what
	// another version or build played is played anew.
	Keep string
	// Version is that of the program.
	Version string
	// Protocol names the protocol that is followed, if any.
	Protocol string
	// Timelines is a folder for a timeline of each run; empty: none is written.
	Timelines string
	// PerReplicaHour is what a replica-hour costs; 0 = 1.
	PerReplicaHour float64
	// OracleOnce plays the oracle's schedules with the first seed alone, and holds
	// all runs of a case against those: request by request they take longer than
	// a few policies.
	OracleOnce bool
	// NoOracle leaves out what the clairvoyant would have paid.
	NoOracle bool
}

// timelineStep is the time between two moments of a timeline, where the
// scenario does not say.
const timelineStep = 15 * time.Second

// judgement is one call of [Judge].
type judgement struct {
	Options
	ctx    context.Context
	stop   context.CancelCauseFunc
	kept   *keeper
	fields []*field
	tasks  []*task
	mu     sync.Mutex // guards done
	done   int
}

// field is a case with what is played on it.
type field struct {
	*ground
	schedules, runs []*task
}

// task is one play: of a contestant, or of a schedule of the oracle.
type task struct {
	*ground
	seed     uint64
	who      Contestant
	timeline string // file; empty: none is written
	schedule int    // of the oracle: 0 for every step, then its prices; −1: none
	key      string
	outcome
	err error
}

// outcome is what a task came to, as it is kept.
type outcome struct {
	Run       *Run       `json:"run,omitempty"`
	Certified *Certified `json:"certified,omitempty"`
}

func (o outcome) finished() bool { return o.Run != nil || o.Certified != nil }

// Judge plays all contestants on all cases with all seeds, and the oracle
// beside them. The results are the same, in the same order, however many work
// on them and however often it was stopped in between.
//
// A contestant that fails is a [Failure] and nothing more. When ctx ends, what
// is done is returned with its error.
func Judge(ctx context.Context, cases []Case, contestants []Contestant, seeds []uint64, o Options) (Results, error) {
	j := &judgement{Options: o}
	if !(j.PerReplicaHour >= 0) || math.IsInf(j.PerReplicaHour, 1) {
		return Results{}, fmt.Errorf("cost of a replica-hour: must be at least 0, got %v", j.PerReplicaHour)
	}
	if j.PerReplicaHour == 0 {
		j.PerReplicaHour = 1
	}
	j.ctx, j.stop = context.WithCancelCause(ctx)
	defer j.stop(nil)
	if err := j.prepare(cases, contestants, seeds); err != nil {
		return Results{}, err
	}
	defer j.kept.close()
	j.each(len(j.tasks), func(i int) { j.play(j.tasks[i]) })
	results := j.results(contestants, seeds)
	return results, context.Cause(j.ctx)
}

// prepare lists the tasks, and takes over those that are kept.
func (j *judgement) prepare(cases []Case, contestants []Contestant, seeds []uint64) error {
	j.fields = make([]*field, len(cases))
	faults, curves := make([]error, len(cases)), &curves{}
	j.each(len(cases), func(i int) {
		g, err := newGround(cases[i], curves)
		if g != nil {
			g.oracleOnce = j.OracleOnce
		}
		j.fields[i], faults[i] = &field{ground: g}, err
	})
	if err := errors.Join(append(faults, context.Cause(j.ctx))...); err != nil {
		return err
	}
	for _, dir := range []string{j.Keep, j.Timelines} {
		if dir != "" {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return err
			}
		}
	}
	j.list(contestants, seeds)
	var err error
	if j.kept, err = openKeeper(j.Keep); err != nil {
		return err
	}
	build := j.Version
	if j.Keep != "" {
		build += " " + program()
	}
	for _, t := range j.tasks {
		t.key = t.ground.key(build, t)
		if _, err := os.Stat(t.timeline); t.timeline == "" || err == nil {
			t.outcome = j.kept.found[t.key]
		}
		if t.finished() {
			j.done++
		}
	}
	j.tell()
	return nil
}

// list lists the tasks case by case, the oracle's first.
func (j *judgement) list(contestants []Contestant, seeds []uint64) {
	var rows []Run
	for _, f := range j.fields {
		for _, seed := range f.oracleSeeds(seeds) {
			for schedule := 0; schedule <= oraclePrices && !j.NoOracle; schedule++ {
				f.schedules = append(f.schedules, &task{ground: f.ground, seed: seed, schedule: schedule})
			}
		}
		for _, who := range contestants {
			for _, seed := range seeds {
				f.runs = append(f.runs, &task{ground: f.ground, seed: seed, who: who, schedule: -1})
				rows = append(rows, Run{Trace: f.Trace, Policy: who.Name(), Knob: who.Knob, Seed: seed, Fluid: f.Fluid})
			}
		}
		j.tasks = append(append(j.tasks, f.schedules...), f.runs...)
	}
	if j.Timelines == "" {
		return
	}
	names := timelineNames(rows)
	for _, f := range j.fields {
		if f.Scenario.Timeline == 0 {
			f.Scenario.Timeline = timelineStep
		}
		for i, t := range f.runs {
			t.timeline = filepath.Join(j.Timelines, names[i])
		}
		names = names[len(f.runs):]
	}
}

// oracleSeeds are the seeds for which the oracle's schedules are played: in a
// fluid where all starts take the same time nothing that concerns them is left
// to chance.
func (g *ground) oracleSeeds(seeds []uint64) []uint64 {
	if len(seeds) > 0 && g.oracleOnce {
		return seeds[:1]
	}
	if g.Fluid && g.Scenario.Replicas.StartupCV == 0 && g.Scenario.Faults.CrashEvery == 0 && len(seeds) > 0 {
		return seeds[:1]
	}
	return seeds
}

// each does n things, several at once, in order of their beginning, until the
// judgement is stopped.
func (j *judgement) each(n int, do func(i int)) {
	workers := j.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	next := make(chan int)
	var working sync.WaitGroup
	for range min(workers, n) {
		working.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := 0; i < n && j.ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	working.Wait()
}

// play plays one task and keeps what it came to.
func (j *judgement) play(t *task) {
	if t.finished() || j.ctx.Err() != nil {
		return
	}
	if t.schedule >= 0 {
		t.Certified, t.err = t.certifyOne(j.ctx)
	} else {
		t.Run, t.err = t.playOne(j.ctx)
	}
	if j.ctx.Err() != nil && t.err != nil {
		t.err = nil
		return
	}
	if t.finished() {
		if err := j.kept.keep(t.key, t.outcome); err != nil {
			j.stop(err)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done++
	j.tell()
}

func (j *judgement) tell() {
	if j.Progress != nil {
		j.Progress(j.done, len(j.tasks))
	}
}

func (t *task) certifyOne(ctx context.Context) (*Certified, error) {
	plan := t.oracle().EveryStep
	if t.schedule > 0 {
		plan = func() Plan { return t.oracle().AtPrice(t.oracle().prices()[t.schedule-1]) }
	}
	c, err := t.certify(ctx, plan(), t.seed)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

func (t *task) playOne(ctx context.Context) (*Run, error) {
	run, result, err := t.play(ctx, t.who, t.seed)
	if err != nil {
		return nil, err
	}
	if t.timeline != "" {
		if err := WriteFile(t.timeline, func(w io.Writer) error { return WriteTimeline(w, result.Timeline) }); err != nil {
			return nil, err
		}
	}
	return &run, nil
}

// results puts together what is done. After a stop a run counts only when the
// oracle of its case has been played to the end.
func (j *judgement) results(contestants []Contestant, seeds []uint64) Results {
	r := Results{Header: j.header(contestants, seeds), Runs: []Run{}}
	for _, f := range j.fields {
		clairvoyants := f.clairvoyants()
		r.Clairvoyants = append(r.Clairvoyants, clairvoyants...)
		r.Failures = append(append(r.Failures, failures(f.schedules)...), failures(f.runs)...)
		oracles := map[uint64]*Clairvoyant{}
		for _, c := range clairvoyants {
			oracles[c.Seed] = newClairvoyant(c)
		}
		for _, t := range f.runs {
			seed := f.oracleSeeds([]uint64{seeds[0], t.seed})
			c, known := oracles[seed[len(seed)-1]]
			if t.Run == nil || !known && !j.NoOracle && j.ctx.Err() != nil {
				continue
			}
			run := *t.Run
			run.Cost = run.ReplicaHours * j.PerReplicaHour
			if known {
				run.against(c)
			}
			r.Runs = append(r.Runs, run)
		}
	}
	return r
}

func (j *judgement) header(contestants []Contestant, seeds []uint64) Header {
	h := Header{Version: j.Version, Protocol: j.Protocol, PerReplicaHour: j.PerReplicaHour, Seeds: seeds}
	for _, who := range contestants {
		h.Contestants = append(h.Contestants, who.Name())
	}
	for _, f := range j.fields {
		h.Cases = append(h.Cases, f.header())
	}
	return h
}

// clairvoyants are the oracle's schedules by seed, where all of them were played.
func (f *field) clairvoyants() []CaseClairvoyant {
	var all []CaseClairvoyant
	for of := f.schedules; len(of) > 0; of = of[oraclePrices+1:] {
		c := CaseClairvoyant{Trace: f.Trace, Fluid: f.Fluid, Seed: of[0].seed, LeastReplicaHours: float64(f.Scenario.Replicas.Min) * f.Scenario.Scored().Hours()}
		for _, t := range of[1 : oraclePrices+1] {
			if t.Certified != nil {
				c.Priced = append(c.Priced, *t.Certified)
			}
		}
		if of[0].Certified != nil && len(c.Priced) == oraclePrices {
			c.EveryStep = *of[0].Certified
			all = append(all, c)
		}
	}
	return all
}

func failures(tasks []*task) []Failure {
	var all []Failure
	for _, t := range tasks {
		if t.err != nil {
			all = append(all, t.failure())
		}
	}
	return all
}

func (t *task) failure() Failure {
	name := "oracle"
	if t.schedule < 0 {
		name = t.who.Name()
	}
	return Failure{Trace: t.Trace, Policy: name, Seed: t.seed, Fluid: t.Fluid, Error: t.err.Error()}
}

// against fills in what the clairvoyant would have paid. Violations are known to
// a request: to ask for fewer of the clairvoyant would be to pay it for luck.
func (r *Run) against(c *Clairvoyant) {
	ratio := max(r.AvoidableViolationRatio, 1/max(1, r.Requests))
	r.OracleEveryStepReplicaHours = c.EveryStep.ReplicaHours
	r.OracleEveryStepViolations = c.EveryStep.AvoidableRatio
	r.OracleEqualReplicaHours = c.ReplicaHours(ratio)
	r.OracleBoundReplicaHours = c.Bound(ratio)
}
