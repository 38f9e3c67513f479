package advisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// script is an advisor that says what it is told to.
type script struct {
	manners Manners
	answer  func(ctx context.Context) (scale.Advice, error)
	asked   []time.Time // At of what it was asked about
	closed  int
	delay   time.Duration
}

func (s *script) Manners() Manners { return s.manners }
func (s *script) Close()           { s.closed++ }
func (s *script) Ask(ctx context.Context, q Question) (answer Answer, err error) {
	s.asked = append(s.asked, q.Seen.At)
	answer.Advice, err = s.answer(ctx)
	answer.Delay = s.delay
	return answer, err
}

func saying(replicas int) *script {
	return &script{manners: Manners{Timeout: 2 * time.Second, MaxAge: 30 * time.Second}, answer: func(context.Context) (scale.Advice, error) {
		return scale.Advice{Replicas: &replicas, Confidence: 1}, nil
	}}
}

func failing(err error) *script {
	s := saying(0)
	s.answer = func(context.Context) (scale.Advice, error) { return scale.Advice{}, err }
	return s
}

func desk(a Advisor) *Desk {
	return NewDesk("somebody", a, Env{Target: "web", Min: 1, Max: 20, Sync: 15 * time.Second, Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
}

func seen(at time.Time) Question { return Question{Seen: scale.Observation{Target: "web", At: at}} }

// In a minute of a decision every 15 s and a report every second it is asked once
// at once, and then shortly before each decision.
func TestWhenItIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, start := desk(saying(3)), time.Now()
		var asked []string
		for range 60 {
			now := time.Now()
			next := start.Add(now.Sub(start).Truncate(15*time.Second) + 15*time.Second)
			if d.Due(now, next) {
				asked = append(asked, now.Sub(start).String())
				_ = d.AskNow(t.Context(), seen(now))
			}
			time.Sleep(time.Second)
		}
		if got, want := strings.Join(asked, " "), "0s 12s 27s 42s 57s"; got != want {
			t.Errorf("asked at %s, want %s", got, want)
		}
	})
}

// What is said holds as long as it is said to, and no longer.
func TestAnAnswerExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := desk(saying(3))
		if err := d.AskNow(t.Context(), seen(time.Now())); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30*time.Second - 1)
		got := d.Advice(nil, time.Now())
		if len(got) != 1 || *got[0].Replicas != 3 || got[0].From != "somebody" || got[0].Failed {
			t.Errorf("after 30 s less a moment: got %+v, want the answer", got)
		}
		time.Sleep(time.Nanosecond)
		if got := d.Advice(nil, time.Now()); len(got) != 0 {
			t.Errorf("after 30 s: got %+v, want nothing", got)
		}
	})
}

// Who does not answer is asked less and less often, and as before once it answers.
func TestFailuresAreAskedAboutLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := failing(errors.New("connection refused"))
		d := desk(a)
		var rests []time.Duration
		for range 9 {
			_ = d.AskNow(t.Context(), seen(time.Now()))
			began := time.Now()
			for !d.Due(time.Now(), time.Now()) {
				time.Sleep(50 * time.Millisecond)
				d.asked = time.Now().Add(-time.Hour) // not for want of a decision
			}
			rests = append(rests, time.Since(began))
		}
		for i, rest := range rests {
			whole := min(time.Second<<i, time.Minute)
			if rest < whole/2 || rest > whole+50*time.Millisecond {
				t.Errorf("after failure %d nobody was asked for %v, want %v to %v", i+1, rest, whole/2, whole)
			}
		}
		got := d.Advice(nil, time.Now())
		if len(got) != 1 || !got[0].Failed || got[0].Reason != "connection refused" {
			t.Errorf("got %+v, want why there is no answer", got)
		}
		a.answer = saying(3).answer
		_ = d.AskNow(t.Context(), seen(time.Now()))
		if got := d.Advice(nil, time.Now()); len(got) != 1 || got[0].Failed || d.faults != 0 {
			t.Errorf("answered again: got %+v after %d failures, want the answer alone", got, d.faults)
		}
	})
}

// A failure takes nothing away from the answer before it.
func TestAFailureLeavesTheAnswerBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := saying(3)
		d := desk(a)
		_ = d.AskNow(t.Context(), seen(time.Now()))
		a.answer = failing(errors.New("status 500")).answer
		_ = d.AskNow(t.Context(), seen(time.Now()))
		if got := d.Advice(nil, time.Now()); len(got) != 2 || *got[0].Replicas != 3 || got[1].Reason != "status 500" {
			t.Errorf("got %+v, want the answer and the failure", got)
		}
	})
}

// Who is well and has nothing to say is asked as usual, and what it said before
// is no longer its opinion.
func TestNoOpinionIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := saying(3)
		d := desk(a)
		_ = d.AskNow(t.Context(), seen(time.Now()))
		a.answer = failing(fmt.Errorf("%w: too little seen", ErrNoOpinion)).answer
		if err := d.AskNow(t.Context(), seen(time.Now())); err != nil {
			t.Errorf("got %v, want no error", err)
		}
		got := d.Advice(nil, time.Now())
		if len(got) != 1 || !got[0].Failed || !strings.Contains(got[0].Reason, "too little seen") || d.faults != 0 {
			t.Errorf("got %+v after %d failures, want the reason alone", got, d.faults)
		}
	})
}

// However slow answers are, questions are handed over no more often than Every.
func TestSlowAnswersAskForNoMoreQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := saying(3)
		s.manners = Manners{Every: 40 * time.Second, Timeout: time.Minute, MaxAge: 5 * time.Minute, OnInquiry: true}
		quick := s.answer
		s.answer = func(ctx context.Context) (scale.Advice, error) {
			select {
			case <-time.After(50 * time.Second):
				return quick(ctx)
			case <-ctx.Done():
				return scale.Advice{}, ctx.Err()
			}
		}
		d, last, n := desk(s), time.Time{}, 0
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = d.Run(ctx) }()
		for range 40 {
			now := time.Now()
			if d.Takes(now) {
				if gap := now.Sub(last); gap < s.manners.Every {
					t.Errorf("a question %v after the one before it, want %v at least", gap, s.manners.Every)
				}
				d.Show(seen(now))
				last, n = now, n+1
			}
			time.Sleep(15 * time.Second)
		}
		if n != 14 {
			t.Errorf("%d questions in ten minutes, want one each 45 s", n)
		}
	})
}

// A clock that was set back does not keep who asks by itself from asking.
func TestAskingGoesOnWhenTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := desk(saying(3))
		d.Show(seen(time.Now().Add(time.Hour)))
		_ = d.AskNow(t.Context(), seen(time.Now()))
		if !d.asked.Equal(time.Now()) {
			t.Errorf("asked last at %v, want now", d.asked)
		}
	})
}

// looked is a log that sees who waits for it.
type looked struct {
	slog.Handler
	look func()
}

func (l *looked) Enabled(context.Context, slog.Level) bool { return true }

func (l *looked) Handle(context.Context, slog.Record) error {
	l.look()
	return nil
}

// Each decision asks what is known, and none waits for a line of the log.
func TestNoDecisionWaitsForTheLog(t *testing.T) {
	s, log := failing(ErrRefused), &looked{Handler: slog.DiscardHandler}
	d := NewDesk("somebody", s, Env{Target: "web", Min: 1, Max: 20, Sync: 15 * time.Second, Clock: clock.System, Log: slog.New(log)})
	lines := 0
	log.look = func() {
		lines++
		if !d.mu.TryLock() {
			t.Error("the desk is locked while it logs")
			return
		}
		d.mu.Unlock()
	}
	_ = d.AskNow(t.Context(), seen(time.Now()))
	s.answer = saying(3).answer
	_ = d.AskNow(t.Context(), seen(time.Now()))
	if lines != 2 {
		t.Errorf("%d lines, want one that it does not answer and one that it does", lines)
	}
}

func TestWhoSaysWhenToAskAgainIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := desk(failing(&Later{After: 90 * time.Second, Err: errors.New("status 429")}))
		_ = d.AskNow(t.Context(), seen(time.Now()))
		time.Sleep(90*time.Second - 1)
		if d.Due(time.Now(), time.Now()) {
			t.Error("asked before the 90 s were over")
		}
		time.Sleep(time.Nanosecond)
		if !d.Due(time.Now(), time.Now()) {
			t.Error("not asked after the 90 s")
		}
	})
}

// What we keep back ourselves is no failure: nobody is said to be silent, and once the
// time is over it is asked without a longer pause.
func TestAQuestionThatIsKeptBackIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		a := failing(fmt.Errorf("asked: %w", &Later{Unasked: true, After: 10 * time.Second, Err: errors.New("pace: 10 questions a minute are asked already")}))
		d := desk(a)
		d.env.Log = slog.New(slog.NewTextHandler(&log, nil))
		for range 8 {
			now := time.Now()
			_ = d.AskNow(t.Context(), seen(now))
			if got := d.Advice(nil, now); len(got) != 1 || !strings.Contains(got[0].Reason, "pace: 10 questions") {
				t.Fatalf("got %+v, want why there is no answer", got)
			}
			d.asked = now.Add(-time.Hour) // not for want of a decision
			if d.Due(now.Add(10*time.Second-1), now.Add(10*time.Second)) || !d.Due(now.Add(10*time.Second), now.Add(10*time.Second)) {
				t.Fatal("want it to be asked after 10 s, and not before")
			}
			time.Sleep(10 * time.Second)
		}
		if d.faults != 0 || log.Len() > 0 {
			t.Errorf("%d failures, logged %q; want none", d.faults, log.String())
		}
	})
}

// Whoever is to take over hears what the one before it was told, and does not ask again.
func TestWhatAnotherProcessWasAnsweredIsOverheard(t *testing.T) {
	a := saying(3)
	a.manners.OnInquiry, a.manners.Every = true, time.Minute
	d, now, four := desk(a), time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC), 4
	said := func(after time.Duration, from string, failed bool) scale.Advice {
		at := now.Add(after)
		return scale.Advice{From: from, At: at, SeenAt: at, Expires: at.Add(time.Minute), Replicas: &four, Failed: failed, Reason: "as it was told"}
	}
	d.Overhear(said(0, "somebody else", false))
	if got := d.Advice(nil, now); len(got) != 0 || !d.Takes(now) {
		t.Fatalf("what others say: got %+v", got)
	}
	d.Overhear(said(0, "somebody", false))
	d.Overhear(said(-time.Second, "somebody", true)) // of before
	if got := d.Advice(nil, now); len(got) != 1 || *got[0].Replicas != 4 || d.Takes(now.Add(59*time.Second)) || !d.Takes(now.Add(time.Minute)) {
		t.Errorf("got %+v, want the 4, and the next question a minute later", got)
	}
	d.Overhear(said(30*time.Second, "somebody", true))
	if got := d.Advice(nil, now.Add(30*time.Second)); len(got) != 2 || got[0].Failed || !got[1].Failed {
		t.Errorf("got %+v, want the answer and why there is nothing newer", got)
	}
}

// While an answer is awaited nobody else waits, and of what is shown meanwhile
// the newest is asked about.
func TestASlowAdvisorDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := saying(3)
		a.answer = func(ctx context.Context) (scale.Advice, error) {
			<-ctx.Done()
			return scale.Advice{}, ctx.Err()
		}
		d := desk(a)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		start := time.Now()
		for i := range 4 {
			d.Show(seen(start.Add(time.Duration(i))))
			d.Advice(nil, time.Now())
			synctest.Wait()
		}
		if time.Now() != start {
			t.Error("somebody waited")
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(a.asked) != 2 || !a.asked[1].Equal(start.Add(3)) {
			t.Errorf("asked about %v, want the first and the newest", a.asked)
		}
		if got := d.Advice(nil, time.Now()); len(got) != 1 || got[0].Reason != "no answer within 2s" {
			t.Errorf("got %+v, want that there was no answer in time", got)
		}
		stop()
		if err := <-ended; err != nil || a.closed != 1 {
			t.Errorf("ended with %v, closed %d times, want a silent end", err, a.closed)
		}
	})
}

// A clock that was set back must not keep it from being asked.
func TestAClockThatWasSetBack(t *testing.T) {
	d, now := desk(failing(errors.New("no"))), time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	d.asked, d.rests = now, now.Add(time.Minute)
	year := now.AddDate(-1, 0, 0)
	if !d.Due(year, year) {
		t.Error("not asked for a year")
	}
}

// An advisor for whom a policy's inquiry is waited for is not asked by time, nor
// twice within its pace.
func TestInquiriesHaveAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := saying(3)
		a.manners.OnInquiry, a.manners.Every = true, time.Minute
		d := desk(a)
		now := time.Now()
		if d.Due(now, now) || !d.Takes(now) {
			t.Fatalf("due %v, takes %v at first, want an inquiry alone", d.Due(now, now), d.Takes(now))
		}
		q := seen(now)
		q.About = &policy.Inquiry{Occasion: policy.Violations}
		if err := d.AskNow(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if d.Takes(now.Add(59*time.Second)) || !d.Takes(now.Add(time.Minute)) {
			t.Error("want the next one a minute after the first")
		}
	})
}

// still is a clock that stands.
type still struct {
	clock.Clock
	at time.Time
}

func (s still) Now() time.Time { return s.at }

// Who is simulated takes time that nobody waits for: what was said before holds
// until then, and what takes too long is no answer.
func TestWhoIsSimulatedTakesTime(t *testing.T) {
	a := saying(3)
	a.manners.Timeout, a.manners.MaxAge = 20*time.Second, time.Minute
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := NewDesk("somebody", a, Env{Clock: still{clock.System, now}, Log: slog.New(slog.DiscardHandler)})
	counts := func(after time.Duration) (all []int) {
		for _, advice := range d.Advice(nil, now.Add(after)) {
			if advice.Replicas != nil {
				all = append(all, *advice.Replicas)
			}
		}
		return all
	}
	if err := d.AskNow(t.Context(), seen(now)); err != nil {
		t.Fatal(err)
	}
	four := 4
	a.answer = func(context.Context) (scale.Advice, error) { return scale.Advice{Replicas: &four}, nil }
	a.delay = 10 * time.Second
	if err := d.AskNow(t.Context(), seen(now)); err != nil {
		t.Fatal(err)
	}
	if early, late := counts(9*time.Second), counts(10*time.Second); !slices.Equal(early, []int{3}) || !slices.Equal(late, []int{4}) {
		t.Errorf("got %v before and %v after the delay, want 3 and 4", early, late)
	}
	a.delay = 21 * time.Second
	if err := d.AskNow(t.Context(), seen(now)); err == nil {
		t.Error("an answer after the time that is allowed is taken")
	}
}

func TestEachExchangeIsTold(t *testing.T) {
	var told []Exchange
	a := saying(3)
	d := NewDesk("somebody", a, Env{Target: "web", Clock: clock.System, Log: slog.New(slog.DiscardHandler), Tell: func(x Exchange) { told = append(told, x) }})
	q := seen(time.Now())
	q.About = &policy.Inquiry{Occasion: policy.RegimeChange, Facts: policy.Facts{Wants: 5}}
	_ = d.AskNow(t.Context(), q)
	a.answer = func(context.Context) (scale.Advice, error) { return scale.Advice{}, errors.New("429") }
	_ = d.AskNow(t.Context(), q)
	if len(told) != 2 || told[0].Error != "" || *told[0].Answer.Advice.Replicas != 3 || told[0].Occasion != policy.RegimeChange || *told[0].Wanted != 5 || told[1].Error != "429" || told[1].Target != "web" {
		t.Errorf("told %+v, want an answer and a failure", told)
	}
}

// The log says once that nobody answers: at the first failure of who never did, or
// of a server that refuses to serve, else when it lasts.
func TestTheLogSaysOnceWhoIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		a := failing(errors.New("connection refused"))
		d := desk(a)
		d.env.Log = slog.New(slog.NewTextHandler(&log, nil))
		ask := func(answer func(context.Context) (scale.Advice, error), times int) string {
			a.answer = answer
			log.Reset()
			for range times {
				_ = d.AskNow(t.Context(), seen(time.Now()))
			}
			return fmt.Sprint(strings.Count(log.String(), "does not answer"), " ", strings.Count(log.String(), "answers again"))
		}
		down := failing(errors.New("status 500")).answer
		refused := failing(fmt.Errorf("%w: no such model", ErrRefused)).answer
		for i, step := range []struct {
			answer func(context.Context) (scale.Advice, error)
			times  int
			want   string
		}{
			{down, 5, "1 0"}, {saying(3).answer, 2, "0 1"}, {down, 2, "0 0"}, {saying(3).answer, 1, "0 0"},
			{down, 4, "1 0"}, {refused, 2, "0 0"}, {saying(3).answer, 1, "0 1"}, {refused, 2, "1 0"},
		} {
			if got := ask(step.answer, step.times); got != step.want {
				t.Errorf("step %d: silent and again said %s times, want %s", i, got, step.want)
			}
		}
	})
}
