package replay

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// Summary is what a part of the record came to.
type Summary struct {
	Target string    `json:"target"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	// Hours are those of which replicas are known.
	Hours        float64 `json:"hours"`
	ReplicaHours float64 `json:"replica_hours"`
	MeanReplicas float64 `json:"mean_replicas"`
	MinReplicas  int     `json:"min_replicas"`
	MaxReplicas  int     `json:"max_replicas"`
	Requests     float64 `json:"requests"`
	// Failed and ViolationRatio are null where nobody measured them.
	Failed         *float64 `json:"failed_requests"`
	ViolationRatio *float64 `json:"violation_ratio"`
	// P95 is the median over time of the p95 of a window.
	P95 *float64 `json:"latency_p95_of_windows_seconds"`
	Up  int      `json:"scale_ups"`
	// Down counts changes to fewer, NotDone those that failed.
	Down      int `json:"scale_downs"`
	NotDone   int `json:"failed_changes"`
	Decisions int `json:"decisions"`
	// Wishes are what was asked for: the first is the policy that ruled, the
	// others are its shadows.
	Wishes  []Wish  `json:"wishes"`
	Rules   []Count `json:"rules"`
	Reasons []Count `json:"reasons"`
	Modes   []Count `json:"modes"`
	Events  []Count `json:"events"`

	lines map[string][]sim.Moment
}

// Wish is what a policy asked for while the counts were as they were: no
// trajectory, for its own replicas would have changed what it saw.
type Wish struct {
	Policy       string  `json:"policy"`
	Shadow       bool    `json:"shadow"`
	ReplicaHours float64 `json:"replica_hours"`
	// Hours in which it had a wish.
	Hours   float64 `json:"hours"`
	Changes int     `json:"changes_of_the_wish"`

	last  int
	until time.Time
}

// Count is how often something was.
type Count struct {
	Name    string  `json:"name"`
	Count   int     `json:"count"`
	Share   float64 `json:"share,omitempty"`
	Changes int     `json:"changes,omitempty"` // that came of it
	Example string  `json:"example,omitempty"` // the last one in words
}

// summing is a summary at work.
type summing struct {
	*Summary
	hold   time.Duration // how long a decision is taken to hold at most
	at     time.Time
	counts map[string]map[string]*Count
}

// Summarize reads what a history of the record's target decided and why.
func Summarize(ctx context.Context, log Log, h *History, w Window) (*Summary, error) {
	s := &summing{Summary: &Summary{Target: h.Target, MinReplicas: math.MaxInt, lines: map[string][]sim.Moment{}},
		hold: time.Duration(holes * float64(h.Step)), counts: map[string]map[string]*Count{}}
	if err := Each(ctx, log, h.Target, w, s.see); err != nil {
		return nil, err
	}
	s.history(h)
	s.Rules, s.Reasons, s.Modes, s.Events = s.most("rule"), s.most("reason"), s.most("mode"), s.most("event")
	for i := range s.Rules {
		s.Rules[i].Share = float64(s.Rules[i].Count) / float64(max(1, s.Decisions))
	}
	for i := range s.Modes {
		s.Modes[i].Share = float64(s.Modes[i].Count) / float64(max(1, s.Decisions))
	}
	return s.Summary, nil
}

func (s *summing) see(e record.Entry) {
	switch {
	case e.Event != nil:
		s.count("event", e.Event.Type, e.Event.Message, false)
	case e.Applied != nil:
		switch {
		case e.Applied.Error != "":
			s.NotDone++
		case e.Applied.To > e.Applied.From:
			s.Up++
		case e.Applied.To < e.Applied.From:
			s.Down++
		}
	case e.Decided != nil:
		s.decide(e.At, e.Decided)
	}
}

func (s *summing) decide(at time.Time, d *record.Decided) {
	if !s.at.IsZero() && !at.After(s.at) {
		return
	}
	s.Decisions++
	changes := d.Decision.Changes()
	by := d.Decision.SetBy
	if d.Decision.NoData {
		by = "no data"
	}
	s.count("rule", by, "", changes)
	s.count("reason", by+": "+d.Decision.Reason.Code, d.Decision.Reason.String(), changes)
	s.count("mode", string(d.Mode), "", false)
	s.wish(false, at, &d.Decision)
	for i := range d.Shadows {
		s.wish(true, at, &d.Shadows[i])
	}
	s.at = at
}

// wish lets what was asked for last hold until now.
func (s *summing) wish(shadow bool, at time.Time, d *scale.Decision) {
	w := s.wishOf(d.Policy, shadow)
	if !w.until.IsZero() {
		if held := at.Sub(w.until); held <= s.hold {
			w.ReplicaHours += float64(w.last) * held.Hours()
			w.Hours += held.Hours()
		}
		if d.DesiredReplicas != w.last {
			w.Changes++
		}
	}
	w.last, w.until = d.DesiredReplicas, at
	if shadow {
		s.lines[w.Policy] = append(s.lines[w.Policy], sim.Moment{Desired: w.last, Ready: w.last, Billed: w.last, At: time.Duration(at.UnixNano())})
	}
}

func (s *summing) wishOf(policy string, shadow bool) *Wish {
	i := slices.IndexFunc(s.Wishes, func(w Wish) bool { return w.Policy == policy && w.Shadow == shadow })
	if i < 0 {
		s.Wishes = append(s.Wishes, Wish{Policy: policy, Shadow: shadow})
		i = len(s.Wishes) - 1
	}
	return &s.Wishes[i]
}

func (s *summing) count(kind, name, example string, changes bool) {
	if s.counts[kind] == nil {
		s.counts[kind] = map[string]*Count{}
	}
	c := s.counts[kind][name]
	if c == nil {
		c = &Count{Name: name}
		s.counts[kind][name] = c
	}
	c.Count++
	c.Example = example
	if changes {
		c.Changes++
	}
}

// most are the counts of a kind, the most frequent first.
func (s *summing) most(kind string) []Count {
	all := []Count{}
	for _, c := range s.counts[kind] {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Count) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// history sums up what was measured, all of the time: this is about what was,
// not about what can be played again.
func (s *summing) history(h *History) {
	all := &Demand{Start: h.Moments[0].From, Length: math.MaxInt64}
	var o Outcome
	failed, counted := 0.0, false
	for i := range h.Moments {
		m := &h.Moments[i]
		if n := m.paid(); known(n) {
			s.MinReplicas, s.MaxReplicas = min(s.MinReplicas, int(n)), max(s.MaxReplicas, int(n))
		}
		if known(m.Errors) {
			failed, counted = failed+m.Errors*m.seconds(), true
		}
		if i+1 < len(h.Moments) {
			if d := h.Moments[i+1].At.Sub(m.At); known(m.paid()) && d <= s.hold {
				s.ReplicaHours += h.paidFrom(i) * d.Hours()
				s.Hours += d.Hours()
			}
		}
	}
	h.requests(all, &o)
	s.From, s.To = h.Moments[0].At.UTC(), h.Moments[len(h.Moments)-1].At.UTC()
	s.Requests, s.ViolationRatio, s.P95 = o.Requests, o.ViolationRatio, o.P95
	if counted {
		s.Failed = &failed
	}
	if s.Hours > 0 {
		s.MeanReplicas = s.ReplicaHours / s.Hours
	}
}

// Line is what a shadow wished, a moment for each step from an instant on.
func (s *Summary) Line(policy string, start time.Time, step time.Duration) []sim.Moment {
	var line []sim.Moment
	next := time.Duration(0)
	for _, m := range s.lines[policy] {
		if m.At -= time.Duration(start.UnixNano()); m.At >= next {
			line, next = append(line, m), m.At+step*9/10
		}
	}
	return line
}
