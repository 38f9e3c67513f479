package scaling

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/cost"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// Task is a workload to be prepared.
type Task struct {
	Family   string
	Scenario sim.Scenario
	// RateBased takes the rate over what a replica carries as the base, with this
	// utilization, in place of the predictive policy; 0: predictive. It is for
	// measuring how fast the environment is.
	RateBased float64
}

// ErrNoOpinion is what a task is refused with on which the base policy never has an
// opinion while there is anything left to decide: nobody comes, and no replica has to
// be there.
var ErrNoOpinion = errors.New("the base policy had no opinion")

// Prepare plays each task once in the fluid simulator under its base policy, on
// all cores, and keeps what its decisions rest on. The same tasks give the same
// workloads, in their order.
func Prepare(ctx context.Context, tasks []Task) ([]*Workload, error) {
	return prepareAll(ctx, tasks, func(error) bool { return false })
}

// PrepareKnown is Prepare, and leaves out tasks that end with [ErrNoOpinion]: there is
// nil in their place.
func PrepareKnown(ctx context.Context, tasks []Task) ([]*Workload, error) {
	return prepareAll(ctx, tasks, func(err error) bool { return errors.Is(err, ErrNoOpinion) })
}

func prepareAll(ctx context.Context, tasks []Task, mayFail func(error) bool) ([]*Workload, error) {
	prepared, faults := make([]*Workload, len(tasks)), make([]error, len(tasks))
	curves := queueing.NewLibrary(queueing.DefaultLibrary)
	next := make(chan int)
	var working sync.WaitGroup
	for range min(len(tasks), runtime.GOMAXPROCS(0)) {
		working.Go(func() {
			for i := range next {
				prepared[i], faults[i] = prepare(tasks[i], curves)
			}
		})
	}
	for i := 0; i < len(tasks) && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	working.Wait()
	for i, err := range faults {
		if err != nil && !mayFail(err) {
			return nil, fmt.Errorf("workload %d (%s): %w", i, tasks[i].Scenario.Name, err)
		}
	}
	return prepared, ctx.Err()
}

// prepare makes a workload of a task.
func prepare(task Task, curves *queueing.Library) (*Workload, error) {
	s := task.Scenario
	if err := s.Validate(); err != nil {
		return nil, err
	}
	w := &Workload{
		Family: task.Family, Scenario: s, topology: s.Service.Topology, seconds: float32(s.Sync.Seconds()),
		startup:   float32((s.Replicas.Pending + s.Replicas.Startup).Seconds()),
		startupCV: float32(s.Replicas.StartupCV), drain: float32(predictive.Default().Drain.Std().Seconds()),
		least: int32(s.Replicas.Min), most: int32(s.Replicas.Max), allowed: float32(1 - s.Objective.Target),
		window: float32(s.Sync.Seconds() / max(s.Sync, s.Objective.Window.Std()).Seconds()),
	}
	if w.startup/w.seconds > ringSize-2 {
		return nil, fmt.Errorf("replicas: a start may take %d times the sync of %v, got %v", ringSize-2, s.Sync, s.Replicas.Pending+s.Replicas.Startup)
	}
	curve, err := s.Curve()
	if err != nil {
		return nil, err
	}
	w.law = newLaw(&s, curve, s.Replicas.Max)
	if w.Scenario.Replicas.Initial == 0 {
		// Of a service without replicas the base would never learn anything.
		w.Scenario.Replicas.Initial = max(1, w.demanded(curve))
	}
	watch, err := newWatcher(&w.Scenario, task.RateBased, curves)
	if err != nil {
		return nil, err
	}
	world, err := sim.NewFluid(&w.Scenario, curve)
	if err != nil {
		return nil, err
	}
	sim.Run(&w.Scenario, world, watch, sim.Options{})
	w.moments = watch.moments
	// An episode that begins with the last decision would have none.
	if w.first = watch.known; w.first >= len(w.moments)-1 {
		return nil, fmt.Errorf("load: %w in all of its %v", ErrNoOpinion, s.Length())
	}
	if w.fill(curve); !(w.mean > 0) {
		return nil, fmt.Errorf("load: %w that counts in all of its %v: nothing is demanded", ErrNoOpinion, s.Length())
	}
	return w, nil
}

// demanded is what the objective demands at the beginning.
func (w *Workload) demanded(curve *queueing.Curve) int {
	n, err := curve.Demand(w.Scenario.Load.Rate(0), float64(w.allowed))
	if err != nil {
		n = w.Scenario.Replicas.Max
	}
	return int(w.clamp(int32(n)))
}

// fill works out what was not to be seen: true rates, prices, and the oracle.
func (w *Workload) fill(curve *queueing.Curve) {
	s := &w.Scenario
	tariff := cost.NewTariff(float64(w.allowed), s.Objective.Window.Std())
	demands := 0.0
	for i := range w.moments {
		m := &w.moments[i]
		rate := float64(m.rate)
		tariff.Observe(s.Start.Add(time.Duration(i)*s.Sync), rate)
		m.price = float32(tariff.Violation(float64(w.law.carried)))
		n, err := curve.Demand(rate, float64(w.allowed))
		if err != nil {
			n = s.Replicas.Max
		}
		demands += float64(w.clamp(int32(n)))
		m.held = w.holds(i)
	}
	w.mean = float32(demands / float64(max(1, len(w.moments))))
	w.perAllowed, w.perReward = 1/w.allowed, 1/(w.seconds*w.mean)
	w.plan()
}

// holds is the highest need within the time that a start was believed to take:
// what the base keeps rather than start it again.
func (w *Workload) holds(at int) int32 {
	m := &w.moments[at]
	most := m.need
	for back := 1; back <= at && float32(back)*w.seconds <= m.startup; back++ {
		most = max(most, w.moments[at-back].need)
	}
	return most
}

// plan finds what a clairvoyant would do between the decisions.
func (w *Workload) plan() {
	steps := len(w.moments)
	f := func(t, x int) float64 {
		if x < int(w.least) || x > int(w.most) {
			return math.Inf(1)
		}
		return w.settled(t, x)
	}
	w.Oracle, w.OracleCost = cost.Clairvoyant(steps, int(w.most), int(w.start(0)), float64(w.startup), f)
	before := int(w.start(0))
	for t, x := range w.Oracle {
		w.moments[t].oracle = float32(w.settled(t, x) + float64(w.startup)*float64(max(0, x-before)))
		before = x
	}
}

// settled is what an interval costs in the steady state, in replica-seconds: the
// f_t of the cost.
func (w *Workload) settled(t, x int) float64 {
	m := &w.moments[t]
	late := float64(w.law.late)
	if capacity := float32(x) * w.law.carried; m.rate < capacity {
		late = float64(w.law.steady(x, m.rate, capacity).avoidable)
	}
	return float64(w.seconds) * (float64(x) + float64(m.price)*float64(m.rate)*late)
}

// watcher is a decider that does as its policy wants and keeps what that rests on.
type watcher struct {
	scenario *sim.Scenario
	policy   policy.Policy // nil: rate-based
	target   float64       // utilization of the rate-based base
	moments  []moment
	known    int // decisions until the policy had an opinion
}

func newWatcher(s *sim.Scenario, target float64, curves *queueing.Library) (*watcher, error) {
	w := &watcher{scenario: s, target: target}
	if target > 0 {
		return w, nil
	}
	objective := s.Objective
	var err error
	w.policy, err = predictive.New(predictive.Default(), policy.Env{
		Target: s.Name, Min: s.Replicas.Min, Max: s.Replicas.Max, Objective: &objective, Sync: s.Sync,
		Seed: s.Seed, Topology: s.Service.Topology, Curves: curves,
	})
	return w, err
}

// Decide implements [sim.Decider].
func (w *watcher) Decide(obs scale.Observation) scale.Decision {
	at := obs.At.Sub(w.scenario.Start)
	until := min(at+w.scenario.Sync, w.scenario.Length())
	m := moment{turns: calendar(w.scenario, at), startup: float32(capacity.DefaultStartup.Seconds()), need: int32(obs.CurrentReplicas)}
	m.rate = float32(max(0, w.scenario.Load.Expected(until)-w.scenario.Load.Expected(at)) / max(1e-9, (until-at).Seconds()))
	if rate := obs.Signal(scale.RequestRate); rate != nil && len(rate.Points) > 0 {
		newest := rate.Points[len(rate.Points)-1]
		m.seen, m.stale = float32(newest.Value), float32(obs.At.Sub(newest.At).Seconds())
	}
	var n int
	if w.policy == nil {
		n = w.byRate(&m)
	} else {
		n = w.byPolicy(obs, &m)
	}
	w.moments = append(w.moments, m)
	return scale.Decision{CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: min(max(n, w.scenario.Replicas.Min), w.scenario.Replicas.Max)}
}

// byRate keeps a utilization.
func (w *watcher) byRate(m *moment) int {
	m.each = float32(w.scenario.Service.CapacityPerReplica())
	m.startup = float32((w.scenario.Replicas.Pending + w.scenario.Replicas.Startup).Seconds())
	m.need = int32(math.Ceil(float64(m.seen) / float64(m.each) / w.target))
	m.now = int32(math.Ceil(float64(m.seen/m.each) / 0.95))
	return int(m.need)
}

// byPolicy asks the policy. While it has no opinion, what was known before goes on.
func (w *watcher) byPolicy(obs scale.Observation, m *moment) int {
	rec, err := w.policy.Recommend(obs)
	o, known := policy.OutlookOf(w.policy)
	if err != nil || !known || !(o.PerReplica > 0) {
		if n := len(w.moments); n > 0 {
			last := w.moments[n-1]
			m.each, m.startup, m.need, m.peak, m.far = last.each, last.startup, last.need, last.peak, last.far
			m.now = last.now
		} else {
			m.each = float32(w.scenario.Service.CapacityPerReplica())
		}
		if w.known == len(w.moments) {
			w.known++
		}
		return obs.CurrentReplicas
	}
	m.seen, m.each, m.startup = float32(o.Load), float32(o.PerReplica), float32(o.Startup.Seconds())
	m.need, m.now = int32(o.Need), int32(o.Now)
	for i := range o.Peak {
		m.peak[i], m.far[i] = float32(o.Peak[i]/o.PerReplica), float32(o.Far[i]/o.PerReplica)
	}
	return rec.Replicas
}

// Applied implements [sim.Decider].
func (w *watcher) Applied(time.Time, int, int) {}
