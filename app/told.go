package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

const (
	// mostUntold is how many exchanges wait for a bus that is slow; more are lost.
	mostUntold = 64
	// mostWords bounds the words of one side of an exchange in the record, and
	// mostQuoted those of an event's message, in bytes.
	mostWords  = 16 << 10
	mostQuoted = 300
)

// teller tells of the exchanges with the advisors of a target, where policies had
// a question; those by time, before each decision, are in the decisions.
type teller struct {
	deps *Deps
	name string
	said chan advisor.Exchange
	lost atomic.Int64 // since it was told
	last map[string]string
}

func newTeller(name string, deps *Deps) *teller {
	return &teller{deps: deps, name: name, said: make(chan advisor.Exchange, mostUntold), last: map[string]string{}}
}

// hear takes an exchange and never waits.
func (t *teller) hear(x advisor.Exchange) {
	if x.Occasion == "" {
		return
	}
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

// tell publishes an exchange, and an event of it unless that would say again why
// there is still no answer.
func (t *teller) tell(ctx context.Context, x advisor.Exchange) {
	if n := t.lost.Swap(0); n > 0 {
		t.deps.Log.Warn("exchanges with advisors lost: the bus is slow", slog.String("target", t.name), slog.Int64("exchanges", n))
	}
	if !t.deps.speaksFor(t.name) {
		return
	}
	b, what := t.deps.Bus, exchanged(&x)
	err := control.Exchanges(b, t.name).Publish(ctx, control.Exchange{Target: t.name, At: x.At, Advised: what})
	again := x.Error != "" && what.Said == "" && t.last[x.From] == x.Error
	if t.last[x.From] = x.Error; !again {
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
