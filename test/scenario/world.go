package scenario

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// lookback is how many points of a signal an observation carries, one a
// second, as those of the live planner.
const lookback = 120

// world is the target and its signals as a scenario tells of them.
type world struct {
	startup    time.Duration
	now        time.Time
	replicas   []*replica // oldest first
	specified  int
	bad        bool // what is started now fails
	conditions []scale.Condition
	signals    []*signal // sorted by name
	advice     []scale.Advice
	started    int
}

type replica struct {
	id        string
	startedAt time.Time
	readyAt   time.Time
	overload  time.Time // since when it has too much to do; zero: it has not
	fails     bool
	restarts  int
}

// signal is a series and what its next value will be.
type signal struct {
	name   string
	trust  scale.Trust
	points *series.Ring
	value  func(at time.Time) float64
}

// advance measures every second from the last instant to the next. What fails
// has ended and was started again in the meantime.
func (w *world) advance(to time.Time) {
	from := w.now
	if oldest := to.Add(-lookback * time.Second); from.Before(oldest) {
		from = oldest
	}
	for at := from.Add(time.Second); at.Before(to); at = at.Add(time.Second) {
		w.measure(at)
	}
	w.now = to
	for _, r := range w.replicas {
		if r.fails {
			r.startedAt, r.restarts = to.Add(-time.Second), r.restarts+1
		}
	}
}

func (w *world) measure(at time.Time) {
	for _, s := range w.signals {
		if s.trust != scale.Fresh {
			continue
		}
		if v := s.value(at); !math.IsNaN(v) && !math.IsInf(v, 0) {
			s.points.Add(series.Point{At: at, Value: v})
		}
	}
}

// tell lets one word of a line happen; span is the length of the line.
func (w *world) tell(word Word, span time.Duration) error {
	switch word.Name {
	case "replicas", "unready", "sick":
		n, err := strconv.Atoi(word.Value)
		if err != nil || n < 0 {
			return fmt.Errorf("%s=%s: must be a count", word.Name, word.Value)
		}
		map[string]func(int){"replicas": w.byHand, "unready": w.overload, "sick": w.sicken}[word.Name](n)
		return nil
	case "badimage":
		w.bad = word.Value != "off"
		if !w.bad {
			w.sicken(0)
		}
		return nil
	case "crashloop":
		w.condition(scale.CrashLoop, word.Value != "off")
		return nil
	case "rollout":
		w.condition(scale.RolloutInProgress, word.Value != "off")
		return nil
	}
	return w.signal(word, span)
}

// byHand sets the count; what is new is ready and has been for an hour.
func (w *world) byHand(n int) {
	w.set(n)
	for _, r := range w.replicas {
		if r.startedAt.Equal(w.now) {
			r.startedAt, r.readyAt = w.now.Add(-time.Hour), w.now.Add(-time.Hour)
		}
	}
}

// set carries out an order: what is not ready goes first, then the newest.
func (w *world) set(n int) {
	for len(w.replicas) < n {
		w.started++
		r := &replica{id: fmt.Sprintf("r%04d", w.started)}
		w.replicas = append(w.replicas, r)
		w.start(r, w.bad)
	}
	for len(w.replicas) > n {
		victim := len(w.replicas) - 1
		for i, r := range w.replicas {
			if !w.takesWork(r, w.now) {
				victim = i
			}
		}
		w.replicas = slices.Delete(w.replicas, victim, victim+1)
	}
	w.specified = n
}

func (w *world) start(r *replica, fails bool) {
	r.startedAt, r.readyAt, r.fails = w.now, w.now.Add(w.startup), fails
	if fails {
		r.restarts++
	}
}

// overload makes the n newest replicas unready by too much work.
func (w *world) overload(n int) {
	for i, r := range w.replicas {
		switch {
		case i < len(w.replicas)-n:
			r.overload = time.Time{}
		case r.overload.IsZero():
			r.overload = w.now
		}
	}
}

// sicken makes the n newest replicas fail and the others start anew, if they
// failed.
func (w *world) sicken(n int) {
	for i, r := range w.replicas {
		if fails := i >= len(w.replicas)-n; fails != r.fails {
			w.start(r, fails)
		}
	}
}

func (w *world) condition(kind string, holds bool) {
	w.conditions = slices.DeleteFunc(w.conditions, func(c scale.Condition) bool { return c.Type == kind })
	if holds {
		w.conditions = append(w.conditions, scale.Condition{Type: kind, Since: w.now, Message: "as told"})
	}
}

// signal gives a signal a value or puts it in doubt.
func (w *world) signal(word Word, span time.Duration) error {
	i, found := slices.BinarySearchFunc(w.signals, word.Name, func(s *signal, name string) int { return strings.Compare(s.name, name) })
	if !found {
		w.signals = slices.Insert(w.signals, i, &signal{name: word.Name, points: series.NewRing(lookback)})
	}
	s := w.signals[i]
	switch word.Value {
	case "stale":
		s.trust = scale.Stale
	case "absent":
		s.trust = scale.Absent
	case "implausible":
		s.trust = scale.Implausible
	default:
		value, err := w.value(word.Value, span)
		if err != nil {
			return fmt.Errorf("%s=%s: %w", word.Name, word.Value, err)
		}
		s.trust, s.value = scale.Fresh, value
	}
	return nil
}

// value reads "3", "3->5", "3/ready" and "3->5/ready".
func (w *world) value(text string, span time.Duration) (func(time.Time) float64, error) {
	amount, perReady := strings.CutSuffix(text, "/ready")
	first, second, changes := strings.Cut(amount, "->")
	if !changes {
		second = first
	}
	a, err := number(first)
	if err != nil {
		return nil, err
	}
	b, err := number(second)
	if err != nil {
		return nil, err
	}
	begin := w.now
	return func(at time.Time) float64 {
		v := b
		if passed := at.Sub(begin); passed < span {
			v = a + (b-a)*passed.Seconds()/span.Seconds()
		}
		if perReady {
			v /= float64(w.ready(at)) // without any it is not measured: infinite
		}
		return v
	}, nil
}

// number reads "3", "95%" and "250ms".
func number(text string) (float64, error) {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v, nil
	}
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		if v, err := strconv.ParseFloat(percent, 64); err == nil {
			return v / 100, nil
		}
	}
	if d, err := scale.ParseDuration(text); err == nil {
		return d.Std().Seconds(), nil
	}
	return 0, fmt.Errorf("must be a number, a percentage, a duration, stale, absent or implausible")
}

func (w *world) takesWork(r *replica, at time.Time) bool {
	return !r.fails && !at.Before(r.readyAt) && r.overload.IsZero()
}

func (w *world) ready(at time.Time) int {
	n := 0
	for _, r := range w.replicas {
		if w.takesWork(r, at) {
			n++
		}
	}
	return n
}

// observe is what the planner would see now.
func (w *world) observe() scale.Observation {
	w.measure(w.now)
	obs := scale.Observation{Target: "web", At: w.now, CurrentReplicas: w.specified, ObservedReplicas: len(w.replicas),
		Conditions: slices.Clone(w.conditions), Advice: slices.Clone(w.advice)}
	for _, r := range w.replicas {
		obs.Replicas = append(obs.Replicas, w.describe(r))
	}
	for _, s := range w.signals {
		seen := scale.Signal{Name: s.name, Trust: s.trust, Points: slices.Clone(s.points.Points())}
		if newest, ok := s.points.Last(); s.trust == scale.Fresh && (!ok || !newest.At.Equal(w.now)) {
			seen.Trust = scale.Absent // nothing that could be measured
		}
		obs.Signals = append(obs.Signals, seen)
	}
	return obs
}

func (w *world) describe(r *replica) scale.Replica {
	d := scale.Replica{ID: r.id, Phase: scale.Running, StartedAt: r.startedAt, Restarts: r.restarts,
		Readiness: scale.Readiness{Known: true, Ready: w.takesWork(r, w.now), Since: r.startedAt}}
	switch {
	case d.Readiness.Ready:
		d.Readiness.Since = r.readyAt
	case !r.overload.IsZero():
		d.Readiness.Since = r.overload
	}
	return d
}
