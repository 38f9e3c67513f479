package web

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/record"
)

// AdvisedView is one question to an advisor and what came of it. Times are Unix
// seconds, durations seconds.
type AdvisedView struct {
	From       string             `json:"from"`
	Occasion   string             `json:"occasion,omitempty"` // why it was asked
	SeenAt     float64            `json:"seenAt"`             // of what it was asked about
	Took       float64            `json:"took"`
	Error      string             `json:"error,omitempty"`    // why there is no advice; missing: there is
	Expires    float64            `json:"expires,omitempty"`  // until when it is valid
	Wanted     *int               `json:"wanted,omitempty"`   // by the policy, without advice; missing: not known
	Replicas   *int               `json:"replicas,omitempty"` // missing: no count was advised
	Direction  int                `json:"direction,omitempty" jsonschema:"minimum=-1,maximum=1"`
	Thresholds []record.Threshold `json:"thresholds,omitempty"`
	Confidence float64            `json:"confidence"`
	Reason     string             `json:"reason,omitempty"` // the advisor's own words
	In         int                `json:"in"`               // tokens read
	Out        int                `json:"out"`              // tokens written
	Cost       float64            `json:"cost"`             // US dollars
	Cached     bool               `json:"cached,omitempty"` // an earlier answer was given again
	// Asked and Said are the words exchanged, without secrets; only in lists of
	// events.
	Asked string `json:"asked,omitempty"`
	Said  string `json:"said,omitempty"`
}

func viewAdvised(a *record.Advised) *AdvisedView {
	if a == nil {
		return nil
	}
	return &AdvisedView{
		From: a.From, Occasion: a.Occasion, SeenAt: unix(a.SeenAt), Took: a.Took.Seconds(), Error: a.Error, Expires: unix(a.Expires),
		Wanted: a.Wanted, Replicas: a.Replicas, Direction: a.Direction, Thresholds: a.Thresholds, Confidence: a.Confidence, Reason: a.Reason,
		In: a.In, Out: a.Out, Cost: a.Cost, Cached: a.Cached, Asked: a.Asked, Said: a.Said,
	}
}

// AdviceView is what the advisors of a target said, and what became of it.
type AdviceView struct {
	// Newest are the newest questions with what came of them, newest first.
	Newest []EventView `json:"newest"`
	Today  AdviceDay   `json:"today"`
	// Uses are what the newest decisions made of advice.
	Uses AdviceUses `json:"uses"`
}

// AdviceDay counts the questions since midnight (UTC). That somebody still does
// not answer is counted once an hour.
type AdviceDay struct {
	Answers  int     `json:"answers"`
	Cached   int     `json:"cached"` // of the answers
	Failures int     `json:"failures"`
	In       int     `json:"in"`   // tokens read
	Out      int     `json:"out"`  // tokens written
	Cost     float64 `json:"cost"` // US dollars
	// Agreed counts the answers that advise what the policy wanted anyway, of
	// those Compared that hold a count.
	Agreed   int `json:"agreed"`
	Compared int `json:"compared"`
}

// AdviceUses count decisions with advice that was valid.
type AdviceUses struct {
	Decisions int `json:"decisions"`
	Followed  int `json:"followed"` // it moved the count
	Vetoed    int `json:"vetoed"`   // it would have taken away what the objective needs
	Ignored   int `json:"ignored"`  // its record is bad, or not known
	// Weight is how far it is followed, 0 to 1, by the newest decision; null: not
	// known here.
	Weight Number `json:"weight"`
}

const (
	// keptAdvice bounds the exchanges of one target that are kept, shownAdvice those
	// that are shown.
	keptAdvice  = 1500
	shownAdvice = 20
)

// addAdvised keeps an exchange without its words, in order of time.
func (h *history) addAdvised(e record.Event) {
	if e.Advised == nil {
		return
	}
	view := viewEvent(e)
	view.Advised.Asked, view.Advised.Said = "", ""
	i, known := slices.BinarySearchFunc(h.advice, view.ID, func(v EventView, id int64) int { return cmp.Compare(v.ID, id) })
	if !known {
		h.advice = bound(slices.Insert(h.advice, i, view), keptAdvice)
	}
}

// loadAdvice adds what the record knows of the day's exchanges.
func (s *Server) loadAdvice(ctx context.Context, name string) error {
	q := record.Query{Target: name, Kind: record.EventKind, From: midnight(s.opts.Clock.Now())}
	left := keptAdvice
	return s.walk(ctx, q, func(e record.Entry) bool {
		if e.Event.Advised != nil {
			s.withHistory(name, func(h *history) { h.addAdvised(*e.Event) })
			left--
		}
		return left > 0
	})
}

func midnight(now time.Time) time.Time { return now.UTC().Truncate(24 * time.Hour) }

// viewAdvice is nil where nobody was asked.
func (h *history) viewAdvice(now time.Time) *AdviceView {
	if len(h.advice) == 0 {
		return nil
	}
	v := &AdviceView{Newest: []EventView{}, Uses: h.uses()}
	for i := len(h.advice) - 1; i >= 0 && len(v.Newest) < shownAdvice; i-- {
		v.Newest = append(v.Newest, h.advice[i])
	}
	since := unix(midnight(now))
	for i := range h.advice {
		if h.advice[i].At >= since {
			v.Today.add(h.advice[i].Advised)
		}
	}
	return v
}

func (d *AdviceDay) add(a *AdvisedView) {
	d.In, d.Out, d.Cost = d.In+a.In, d.Out+a.Out, d.Cost+a.Cost
	if a.Error != "" {
		d.Failures++
		return
	}
	d.Answers++
	if a.Cached {
		d.Cached++
	}
	if a.Replicas != nil && a.Wanted != nil {
		d.Compared++
		if *a.Replicas == *a.Wanted {
			d.Agreed++
		}
	}
}

// uses counts what the newest decisions made of advice.
func (h *history) uses() AdviceUses {
	u := AdviceUses{Weight: Unknown()}
	for i := range h.recent {
		d := &h.recent[i].Decision
		use, weight := advised.UseOf(d)
		if use == "" {
			continue
		}
		u.Decisions, u.Weight = u.Decisions+1, Number(weight)
		switch use {
		case advised.Followed:
			u.Followed++
		case advised.Vetoed:
			u.Vetoed++
		case advised.Ignored:
			u.Ignored++
		}
	}
	return u
}
