package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

const (
	// mostUntold is how many exchanges wait for a bus that is slow; more are lost.
	mostUntold = 64
	// toldFor is how long it is not said again why somebody does not answer, and
	// mostTold how many reasons are remembered.
	toldFor  = time.Hour
	mostTold = 100
	// mostWords bounds the words of one side of an exchange in the record, and
	// mostQuoted those of an event's message, in bytes.
	mostWords  = 16 << 10
	mostQuoted = 300
)

// teller tells of the exchanges with the language models that advise about a
// target.
type teller struct {
	deps *Deps
	name string
	said chan advisor.Exchange
	lost atomic.Int64 // since it was told
	told map[failure]time.Time
}

// failure is why somebody did not answer, its numbers aside, and whether they were
// asked at all.
type failure struct {
	from, why string
	asked     bool
}

func newTeller(name string, deps *Deps) *teller {
	return &teller{deps: deps, name: name, said: make(chan advisor.Exchange, mostUntold), told: map[failure]time.Time{}}
}

// of hears the exchanges with one of them; of somebody who stands in for a model in
// a simulation under a name that says so.
func (t *teller) of(cfg *advised.Advisor, simulation bool) func(advisor.Exchange) {
	if !simulation || cfg.Simulated != nil {
		return t.hear
	}
	return func(x advisor.Exchange) {
		x.From = "simulated, for " + x.From
		t.hear(x)
	}
}

// hear takes an exchange and never waits.
func (t *teller) hear(x advisor.Exchange) {
	select {
	case t.said <- x:
	default:
		t.lost.Add(1)
	}
}

// run tells until ctx is done, and then what waits.
func (t *teller) run(ctx context.Context) error {
	whole := context.WithoutCancel(ctx)
	for {
		select {
		case x := <-t.said:
			t.tell(whole, x)
		case <-ctx.Done():
			for len(t.said) > 0 {
				t.tell(whole, <-t.said)
			}
			return nil
		}
	}
}

// tell publishes an exchange, and an event of it where that is news.
func (t *teller) tell(ctx context.Context, x advisor.Exchange) {
	if n := t.lost.Swap(0); n > 0 {
		t.deps.Log.Warn("exchanges with advisors lost: the bus is slow", slog.String("target", t.name), slog.Int64("exchanges", n))
	}
	if !t.deps.speaksFor(t.name) {
		return
	}
	b, what := t.deps.Bus, exchanged(&x)
	err := control.Exchanges(b, t.name).Publish(ctx, control.Exchange{Target: t.name, At: x.At, Advised: what})
	if t.isNews(&what, x.At) {
		e := record.Event{Type: control.AdviceGiven, Target: t.name, At: x.At, Message: inOneLine(&what), Advised: &what}
		if x.Error != "" {
			e.Type = control.AdviceFailed
		}
		err = cmp.Or(err, control.Events(b, t.name).Publish(ctx, e))
	}
	if err != nil {
		t.deps.Log.Error("exchange with an advisor lost", slog.String("target", t.name), slog.Any("error", err))
	}
}

// isNews reports whether an exchange is an event: whatever was said is, and why
// nothing was once in a while. An answer ends what kept from it, but for limits of
// our own, which come and go.
func (t *teller) isNews(a *record.Advised, now time.Time) bool {
	if a.Said != "" || a.Error == "" {
		maps.DeleteFunc(t.told, func(f failure, _ time.Time) bool { return f.asked && f.from == a.From && a.Error == "" })
		return true
	}
	if len(t.told) >= mostTold {
		clear(t.told)
	}
	why := failure{a.From, strings.Map(notDigit, a.Error), a.Asked != ""}
	at, told := t.told[why]
	if told && now.Sub(at).Abs() < toldFor {
		return false
	}
	t.told[why] = now
	return true
}

func notDigit(r rune) rune {
	if '0' <= r && r <= '9' {
		return -1
	}
	return r
}

// exchanged is an exchange as it is recorded: of numbers that JSON knows and words
// of a bounded length.
func exchanged(x *advisor.Exchange) record.Advised {
	a := record.Advised{From: x.From, Occasion: x.Occasion, SeenAt: x.SeenAt, Took: x.Took, Error: webclient.Excerpt(x.Error, mostQuoted), Wanted: x.Wanted,
		In: x.Answer.In, Out: x.Answer.Out, Cost: finite(x.Answer.Cost), Cached: x.Answer.Cached,
		Asked: upTo(x.Answer.Asked, mostWords), Said: upTo(x.Answer.Said, mostWords)}
	if x.Error == "" {
		a.Take(&x.Answer.Advice)
		a.Confidence, a.Reason = finite(a.Confidence), webclient.Excerpt(a.Reason, mostWords)
		for i := range a.Thresholds {
			a.Thresholds[i].Value = finite(a.Thresholds[i].Value)
		}
	}
	return a
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// upTo is the beginning of a text, in whole characters.
func upTo(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	for !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:bytes] + "…"
}

// inOneLine says what was advised; the reason is the advisor's own words.
func inOneLine(a *record.Advised) string {
	who, _, _ := strings.Cut(a.From, " #")
	if a.Error != "" {
		return who + ": " + a.Error
	}
	text := fmt.Sprintf("%s advises %s (confidence %s)", who, advisedInWords(a), scale.Number(a.Confidence))
	if a.Reason != "" {
		text += ": “" + webclient.Excerpt(a.Reason, mostQuoted) + "”"
	}
	return text
}

func advisedInWords(a *record.Advised) string {
	switch {
	case a.Replicas != nil:
		return scale.Count(*a.Replicas, "replica")
	case a.Direction > 0:
		return "to grow"
	case a.Direction < 0:
		return "to shrink"
	default:
		return "no change"
	}
}
