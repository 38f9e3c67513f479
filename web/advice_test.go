package web_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	recordmemory "github.com/flyball-io/flyball/record/memory"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// advice is an event of an answer, or of why there is none.
func advice(target string, at time.Time, replicas, wanted int, failed string) record.Event {
	a := &record.Advised{From: "small:3b #abc123", Occasion: "violations", SeenAt: at.Add(-2 * time.Second), Took: 1500 * time.Millisecond, Error: failed, In: 400, Out: 50, Cost: 0.002,
		Asked: "load 3", Said: "{}"}
	if failed != "" {
		return record.Event{Type: control.AdviceFailed, Target: target, At: at, Message: failed, Advised: a}
	}
	a.Replicas, a.Wanted, a.Confidence, a.Reason, a.Expires = &replicas, &wanted, 0.8, "the load <b>doubles</b> every minute", at.Add(5*time.Minute)
	return record.Event{Type: control.AdviceGiven, Target: target, At: at, Message: "advises", Advised: a}
}

// advised is a decision that makes something of advice by a code of the policy.
func advised(at time.Time, code string, moved bool) record.Decided {
	d := decision(at, 3, 4, 4)
	because := scale.Because(code, "weighs {0%}; the model says: {n}", 0.6).About("because")
	d.Decision.Recommendation.Proposals = []scale.Proposal{{Signal: "advisor", Replicas: 9, Reason: because, Missing: code == "NoAdvice"}}
	if moved {
		d.Decision.Recommendation.Reason = scale.Because("Advised", "so")
	}
	return d
}

// What advisors said is there with what became of it, the words in the events alone.
func TestAdviceOfATarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, shop())
		defer r.stop()
		var none web.TargetAnswer
		if r.get("/api/v1/targets/shop", &none); none.Target.Advice != nil {
			t.Errorf("before anybody was asked: got %+v", none.Target.Advice)
		}
		for i, d := range []record.Decided{advised(start(), "NoAdvice", false), advised(start(), "Advice", true), advised(start(), "AdviceVetoed", true),
			advised(start(), "AdviceNotFollowed", false), advised(start(), "Advice", false)} {
			d.Decision.At = start().Add(time.Duration(i) * time.Second)
			r.decide(d)
		}
		at := start().Add(time.Minute)
		r.tell(advice("shop", start().Add(-time.Hour), 9, 9, "")) // the day before
		r.tell(advice("shop", at, 9, 4, ""))
		r.tell(advice("shop", at.Add(time.Minute), 4, 4, ""))
		r.tell(advice("shop", at.Add(2*time.Minute), 0, 0, "status 500"))

		var got web.TargetAnswer
		r.get("/api/v1/targets/shop", &got)
		a := got.Target.Advice
		if a == nil || len(a.Newest) != 4 || a.Newest[0].Advised.Error != "status 500" || *a.Newest[1].Advised.Replicas != 4 || a.Newest[0].Advised.Said != "" {
			t.Fatalf("got %+v, want four, the newest first and without the words exchanged", a)
		}
		if want := (web.AdviceDay{Answers: 2, Failures: 1, In: 1200, Out: 150, Cost: 0.006, Agreed: 1, Compared: 2}); a.Today != want {
			t.Errorf("today: got %+v, want %+v", a.Today, want)
		}
		if want := (web.AdviceUses{Decisions: 4, Followed: 1, Vetoed: 1, Ignored: 1, Weight: 0.6}); a.Uses != want {
			t.Errorf("uses: got %+v, want %+v", a.Uses, want)
		}
		var events web.EventsAnswer
		r.get("/api/v1/events?target=shop&type=AdviceGiven&limit=1", &events)
		if e := events.Events[0].Advised; e == nil || e.Asked != "load 3" || e.Said != "{}" || e.Took != 1.5 || e.Expires-e.SeenAt != 302 {
			t.Errorf("got %+v, want the words exchanged", e)
		}
		var all web.TargetsAnswer
		if r.get("/api/v1/targets", &all); all.Targets[0].Advice != nil {
			t.Error("the list of targets is longer than it need be")
		}
	})
}

// After a restart the day's advice is that of the record.
func TestAdviceOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(20 * time.Hour)
		store := recordmemory.New(recordmemory.Options{MaxEntries: 1000})
		for _, e := range []record.Event{advice("shop", start().Add(time.Hour), 9, 4, ""), advice("shop", start().Add(2*time.Hour), 0, 0, "status 500"),
			{Type: "ModeChanged", Target: "shop", At: start().Add(3 * time.Hour)}} {
			if err := store.Write(t.Context(), record.Batch{Entries: []record.Entry{{Target: "shop", At: e.At, Event: &e}}}); err != nil {
				t.Fatal(err)
			}
		}
		r := newRigWith(t, web.Options{Targets: []web.TargetInfo{shop()}, Store: store, Clock: clock.System})
		defer r.stop()
		r.tell(advice("shop", start().Add(20*time.Hour), 5, 4, ""))
		var got web.TargetAnswer
		r.get("/api/v1/targets/shop", &got)
		if a := got.Target.Advice; a == nil || len(a.Newest) != 3 || a.Today.Answers != 2 || a.Today.Failures != 1 {
			t.Errorf("got %+v, want what the record knows and what was heard since", a)
		}
	})
}

func TestWalkThroughAdvice(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, b *browser, sc screen) {
		s, _ := remembering(t)
		s.play(30)
		b.open(s.url("#/t/shop-web"))
		b.sees("#log-title", "Why")
		if n := b.count(".advice"); n != 0 {
			t.Errorf("%d panels of advice before anybody was asked", n)
		}
		now := awayFromMidnight(t)
		b.hear(s, advice("shop-web", now.Add(-3*time.Second), 0, 0, "POST http://127.0.0.1:11434/v1: no answer within 20s"))
		b.hear(s, advice("shop-web", now.Add(-2*time.Second), 4, 4, ""))
		b.hear(s, advice("shop-web", now.Add(-time.Second), 9, 4, ""))
		b.sees(".advice", "what small:3b said; the policy decides", "9 replicas", "80 % sure", "the load <b>doubles</b> every minute",
			"asked: the objective is missed again and again, the policy wanted 4", "1 of 2", "2 answers", "1 failure", "1.35 k tokens", "$0.006", "no answer within 20s", "valid for")
		if n := b.count(".advice b b, .advice q b"); n != 0 {
			t.Error("a model's words became part of the page")
		}
		script[any](b, `document.querySelector(".advice").scrollIntoView() ?? null`)
		b.usable(sc, "advice")
		b.clean(s.address)
	})
}

// awayFromMidnight is now, once the day (UTC) is some seconds old and has still a
// minute: what is counted by the day would begin anew under the test.
func awayFromMidnight(t *testing.T) time.Time {
	t.Helper()
	for {
		now := clock.System.Now().UTC()
		day := now.Truncate(24 * time.Hour)
		if now.Sub(day) > 5*time.Second && day.Add(24*time.Hour).Sub(now) > time.Minute {
			return now
		}
		time.Sleep(time.Second)
	}
}

// hear publishes an event.
func (b *browser) hear(s *site, e record.Event) {
	b.t.Helper()
	if err := control.Events(s.bus, e.Target).Publish(b.t.Context(), e); err != nil {
		b.t.Fatal(err)
	}
}
