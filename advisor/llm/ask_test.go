package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy/advised"
)

// still is a clock that is set by hand.
type still struct {
	clock.Clock
	mu sync.Mutex
	at time.Time
}

func (s *still) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *still) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
}

// model says what it is told to, and keeps what it was asked.
type model struct {
	answer func(ctx context.Context) (advisor.Reply, error)

	mu     sync.Mutex
	asked  []advisor.Prompt
	closed int
}

func (m *model) Name() string { return "scripted at nowhere" }
func (m *model) Close()       { m.closed++ }
func (m *model) Generate(ctx context.Context, p advisor.Prompt) (advisor.Reply, error) {
	m.mu.Lock()
	m.asked = append(m.asked, p)
	m.mu.Unlock()
	return m.answer(ctx)
}

// saying is a model that answers 18 replicas, or what next holds.
func saying() *model {
	return &model{answer: func(context.Context) (advisor.Reply, error) {
		return advisor.Reply{Text: goodCount, In: 400, Out: 50}, nil
	}}
}

func (m *model) fails(err error) {
	m.answer = func(context.Context) (advisor.Reply, error) { return advisor.Reply{}, err }
}

// many returns advisors of targets that share a model, a clock and all else.
func many(n int, cfg advised.Advisor, m *model) (all []*Advisor, now *still) {
	env := environment()
	now = &still{at: noon}
	env.Clock, env.Commons = now, &advisor.Commons{}
	for range n {
		all = append(all, New(cfg, m, env))
	}
	return all, now
}

// about is one of many questions, up to a million: each is another.
func about(n int) advisor.Question {
	q := crowd()
	q.About.Facts.Load, q.About.Facts.PerReplica = float64(n%1000), float64(n/1000)
	return q
}

// later checks that nobody was asked, until when and why.
func later(t *testing.T, err error, least, most time.Duration, words string) {
	t.Helper()
	var l *advisor.Later
	if !errors.As(err, &l) || l.After < least || l.After > most || !strings.Contains(err.Error(), words) {
		t.Errorf("got %+v, want to be told %q and to come back in %v to %v", err, words, least, most)
	}
}

func TestAsk(t *testing.T) {
	cfg := config(advised.Replicas)
	cfg.Temperature, cfg.Budget = 0.3, advised.Budget{InputPrice: 0.3, OutputPrice: 2.5}
	m := saying()
	a := New(cfg, m, environment())
	got, err := a.Ask(t.Context(), crowd())
	if err != nil {
		t.Fatal(err)
	}
	if *got.Advice.Replicas != 18 || got.Advice.Confidence != 0.8 || got.Advice.Reason != "the crowd stays" || got.Cached {
		t.Errorf("got %+v, want 18 replicas", got.Advice)
	}
	if got.Asked != m.asked[0].User || got.Said != goodCount || got.In != 400 || got.Out != 50 || math.Abs(got.Cost-(400*0.3+50*2.5)/1e6) > 1e-12 {
		t.Errorf("told %+v, want the words, 400 and 50 tokens, $0.000245", got)
	}
	if p := m.asked[0]; p.Temperature != 0.3 || p.MostTokens != mostTokens || p.SchemaName != "replicas" || !json.Valid(p.Schema) {
		t.Errorf("asked %+v", p)
	}
	want := advisor.Manners{Every: time.Minute, Timeout: time.Minute, MaxAge: 5 * time.Minute, OnInquiry: true}
	if got := a.Manners(); got != want {
		t.Errorf("manners %+v, want %+v", got, want)
	}
	if a.Close(); m.closed != 1 {
		t.Errorf("the model was closed %d times", m.closed)
	}
}

// What was said is told also where it is refused, and paid for.
func TestARefusedAnswerIsTold(t *testing.T) {
	m := saying()
	m.answer = func(context.Context) (advisor.Reply, error) {
		return advisor.Reply{Text: "\x1b[31mIgnore\nthe rules" + strings.Repeat("!", 9000), In: 400, Out: 160}, nil
	}
	got, err := New(config(advised.Replicas), m, environment()).Ask(t.Context(), crowd())
	if err == nil || !strings.HasPrefix(err.Error(), "answer refused: ") {
		t.Errorf("got %v, want it refused", err)
	}
	if got.In != 400 || got.Out != 160 || !strings.HasPrefix(got.Said, "Ignore the rules!!") || len(got.Said) > mostSaid || got.Asked == "" || got.Advice.Replicas != nil {
		t.Errorf("told %+v, want what was asked and said and its tokens, and no advice", got)
	}
}

// The same question within maxAge gets the same answer, for any target, and it
// costs nothing; a refused one is no answer.
func TestTheSameQuestion(t *testing.T) {
	m := saying()
	cfg := config(advised.Replicas)
	cfg.RPM = 1e6
	all, now := many(2, cfg, m)
	refused := m.answer
	m.answer = func(context.Context) (advisor.Reply, error) { return advisor.Reply{Text: "no"}, nil }
	_, _ = all[0].Ask(t.Context(), crowd())
	m.answer = refused
	now.pass(time.Minute)
	ask := func(a *Advisor, wantAsked int) {
		t.Helper()
		got, err := a.Ask(t.Context(), crowd())
		if err != nil || *got.Advice.Replicas != 18 || got.Cached != (len(m.asked) != wantAsked) || len(m.asked) > wantAsked {
			t.Fatalf("got %+v, %v after %d questions", got, err, len(m.asked))
		}
		if got.Cached && (got.In != 0 || got.Cost != 0 || got.Said != goodCount || got.Asked == "") {
			t.Errorf("cached: told %+v", got)
		}
	}
	ask(all[0], 2)
	now.pass(5*time.Minute - 1)
	ask(all[1], 3) // cached
	if len(m.asked) != 2 {
		t.Fatalf("asked %d times, want the second target to be told what the first was", len(m.asked))
	}
	now.pass(1)
	ask(all[1], 3)
	if len(m.asked) != 3 {
		t.Fatalf("asked %d times, want it anew after 5 min", len(m.asked))
	}
	now.pass(-time.Hour) // the clock was set back
	ask(all[0], 4)
	if len(m.asked) != 4 {
		t.Errorf("asked %d times, want an answer of the future forgotten", len(m.asked))
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	c := newCache()
	at := func(i int) key { return keyOf(&advisor.Prompt{User: fmt.Sprint(i)}) }
	for i := range 3 * mostKept {
		c.put(at(i), fmt.Sprint(i), noon)
		c.put(at(i), fmt.Sprint(i), noon) // again: no place more
	}
	for i := range 3 * mostKept {
		text, known := c.get(at(i), noon, time.Minute)
		if known != (i >= 2*mostKept) || known && text != fmt.Sprint(i) {
			t.Fatalf("answer %d: got %q, %v; want the newest %d", i, text, known, mostKept)
		}
	}
	if len(c.said) != mostKept {
		t.Errorf("%d answers are kept, want %d", len(c.said), mostKept)
	}
}

// Targets share the pace: in no minute are there more questions than it allows.
func TestPace(t *testing.T) {
	m := saying()
	cfg := config(advised.Replicas)
	cfg.RPM = 6
	all, now := many(3, cfg, m)
	for second := range 180 {
		for i, a := range all {
			before := len(m.asked)
			_, err := a.Ask(t.Context(), about(second*10+i+1))
			if (err == nil) != (len(m.asked) > before) {
				t.Fatalf("got %v after %d questions", err, len(m.asked)-before)
			}
			if err != nil {
				left := time.Duration(10-second%10) * time.Second
				later(t, err, left-time.Millisecond, left+time.Millisecond, "pace: 6 questions a minute")
			}
		}
		if want := 1 + second/10; len(m.asked) != want {
			t.Fatalf("after %d s: %d questions, want %d", second, len(m.asked), want)
		}
		now.pass(time.Second)
	}
}

// Of two documents that state different paces each is held to its own: who may ask
// often is not kept from it by who may not, nor lets the other ask more.
func TestPaceOfEachDocument(t *testing.T) {
	var p pace
	var asked []time.Time
	slow, fast := 0, 0
	for second := range 3600 {
		now := noon.Add(time.Duration(second) * time.Second)
		if p.take(now, 1) == nil {
			slow++
			if n := len(asked); n > 0 && now.Sub(asked[n-1]) < time.Minute {
				t.Fatalf("after %d s: one a minute, %v after another", second, now.Sub(asked[n-1]))
			}
			asked = append(asked, now)
		}
		if now = now.Add(time.Second / 2); p.take(now, 60) == nil {
			fast++
			asked = append(asked, now)
		}
	}
	if slow != 1 || fast != 3599 {
		t.Errorf("in an hour %d of one a minute and %d of 60, want the first and then one each second", slow, fast)
	}
	if err := p.take(noon.Add(2*time.Hour), 1); err != nil {
		t.Errorf("when nobody else asks: %v", err)
	}
}

// A moment that a question was on its way to its turn is no clock that was set back.
func TestPaceAndClocks(t *testing.T) {
	var p pace
	for _, tc := range []struct {
		at   time.Duration
		rpm  float64
		asks bool
	}{{0, 6, true}, {-time.Millisecond, 6, false}, {9 * time.Second, 6, false}, {10 * time.Second, 6, true}, {-time.Hour, 6, true}, {0, 1e-300, false}} {
		if err := p.take(noon.Add(tc.at), tc.rpm); (err == nil) != tc.asks {
			t.Errorf("at %v, %v a minute: got %v, want it asked: %v", tc.at, tc.rpm, err, tc.asks)
		}
	}
}

func TestPaceOfTheEnvironment(t *testing.T) {
	for _, tc := range []struct {
		configured float64
		variable   string
		want       float64
		fault      string
	}{
		{0, "", 10, ""}, {0, "30", 30, ""}, {4, "30", 4, ""}, {0, "0.5", 0.5, ""}, {0, "many", 10, `LLM_RPM: must be a number of questions a minute above 0, got "many"; 10 are used`},
		{0, "0", 10, "above 0"}, {0, "-3", 10, "above 0"}, {0, "NaN", 10, "above 0"}, {0, "+Inf", 10, "above 0"}, {5, "many", 5, ""},
	} {
		t.Run(fmt.Sprint(tc.configured, " ", tc.variable), func(t *testing.T) {
			t.Setenv(RPMVariable, tc.variable)
			got, err := RPM(tc.configured)
			if got != tc.want || (err == nil) != (tc.fault == "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("got %v, %v; want %v, %q", got, err, tc.want, tc.fault)
			}
		})
	}
}

// What is wrong with the environment is said once, not by each target.
func TestAWrongEnvironmentIsLoggedOnce(t *testing.T) {
	t.Setenv(RPMVariable, "many")
	var log strings.Builder
	env := environment()
	env.Log, env.Commons = slog.New(slog.NewTextHandler(&log, nil)), &advisor.Commons{}
	for range 3 {
		New(config(advised.Replicas), saying(), env)
	}
	if n := strings.Count(log.String(), "LLM_RPM"); n != 1 {
		t.Errorf("logged %d times: %s", n, &log)
	}
}

// Five failures in a row of whatever kind and target leave the model alone; then
// one question probes it.
func TestBreaker(t *testing.T) {
	m := saying()
	cfg := config(advised.Replicas)
	cfg.RPM = 1e6
	all, now := many(5, cfg, m)
	broken := errors.New("status 500")
	n := 0
	ask := func(a *Advisor) error { n++; now.pass(time.Second); _, err := a.Ask(t.Context(), about(n)); return err }
	good := m.answer
	for i, a := range all {
		m.fails(broken)
		if i == 2 {
			m.answer = func(context.Context) (advisor.Reply, error) { return advisor.Reply{Text: "{}"}, nil }
		}
		if err := ask(a); err == nil || len(m.asked) != i+1 {
			t.Fatalf("failure %d: got %v after %d questions", i+1, err, len(m.asked))
		}
	}
	m.fails(broken)
	for opened := range 7 {
		rest := min(30*time.Second<<opened, 10*time.Minute)
		asked := len(m.asked)
		err := ask(all[opened%5])
		later(t, err, rest/2-time.Second, rest, "scripted at nowhere is left alone")
		later(t, err, 0, rest, "status 500")
		if len(m.asked) != asked {
			t.Fatal("asked while open")
		}
		now.pass(rest)
		if err := ask(all[opened%5]); !errors.Is(err, broken) || len(m.asked) != asked+1 {
			t.Fatalf("after the rest: got %v after %d questions, want a probe", err, len(m.asked)-asked)
		}
	}
	now.pass(10 * time.Minute)
	m.answer = good
	for i := range 5 {
		if err := ask(all[i]); err != nil {
			t.Fatalf("works again: got %v", err)
		}
	}
	m.fails(broken)
	for i := range 5 { // as many as at first
		if err := ask(all[i]); !errors.Is(err, broken) || errors.As(err, new(*advisor.Later)) {
			t.Fatalf("failure %d: got %v", i, err)
		}
	}
	later(t, ask(all[0]), 14*time.Second, 30*time.Second, "left alone")
}

// Questions that were on their way when it opened neither lengthen its rest, nor
// shorten it, unless the server says for how long; and a clock that was set back
// ends it.
func TestBreakerAndQuestionsOnTheirWay(t *testing.T) {
	b, broken := newBreaker("x"), errors.New("status 500")
	rest := func() time.Duration {
		var l *advisor.Later
		if errors.As(b.closed(noon, "x"), &l) {
			return l.After
		}
		return 0
	}
	for range opensAfter {
		b.end(noon, broken, false)
	}
	first := rest()
	if first < firstRest/2 || first > firstRest {
		t.Fatalf("rests for %v, want 15 to 30 s", first)
	}
	for range 5 {
		b.end(noon.Add(10*time.Second), broken, false)
	}
	if got := rest(); got != first || b.opened != 1 {
		t.Errorf("after five more it rests for %v and has opened %d times, want %v and once", got, b.opened, first)
	}
	b.end(noon, &advisor.Later{After: time.Second, Err: broken}, false)
	if got := rest(); got != first {
		t.Errorf("one that says a second: rests for %v, want %v", got, first)
	}
	b.end(noon, &advisor.Later{After: time.Minute, Err: broken}, false)
	if got := rest(); got != time.Minute {
		t.Errorf("one that says a minute: rests for %v", got)
	}
	if err := b.closed(noon.Add(-2*time.Hour), "x"); err != nil {
		t.Errorf("with the clock set back by two hours: %v", err)
	}
}

// While one asks whether a model works again the others do not.
func TestOneProbe(t *testing.T) {
	m := saying()
	cfg := config(advised.Replicas)
	cfg.RPM = 1e6
	all, now := many(3, cfg, m)
	good := m.answer
	m.fails(advisor.ErrRefused)
	_, _ = all[0].Ask(t.Context(), about(1))
	now.pass(refusedRest)
	asked, answer, told := make(chan bool), make(chan bool), make(chan error)
	m.answer = func(ctx context.Context) (advisor.Reply, error) {
		asked <- true
		<-answer
		return good(ctx)
	}
	go func() { _, err := all[0].Ask(t.Context(), about(2)); told <- err }()
	<-asked
	_, err := all[1].Ask(t.Context(), about(3))
	later(t, err, time.Second, time.Minute, "being asked whether it works again")
	close(answer)
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	m.answer = good
	now.pass(time.Second)
	if _, err := all[1].Ask(t.Context(), about(3)); err != nil {
		t.Errorf("after a probe that was answered: %v", err)
	}
}

// A probe that nobody waits for any more says nothing, and the next one may ask.
func TestAProbeThatWasGivenUp(t *testing.T) {
	m := saying()
	all, now := many(2, config(advised.Replicas), m)
	good := m.answer
	m.fails(advisor.ErrRefused)
	_, _ = all[0].Ask(t.Context(), about(1))
	now.pass(refusedRest)
	ctx, cancel := context.WithCancel(t.Context())
	m.answer = func(ctx context.Context) (advisor.Reply, error) { cancel(); return advisor.Reply{}, ctx.Err() }
	if _, err := all[0].Ask(ctx, about(2)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	now.pass(7 * time.Second) // what the pace wants, less than a failure would
	m.answer = good
	if _, err := all[1].Ask(t.Context(), about(3)); err != nil {
		t.Errorf("got %v, want the next to probe", err)
	}
}

// A server that says when it wants to be asked again is heard by all targets at
// once, and not believed beyond an hour.
func TestTooManyRequests(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{90 * time.Second: 90 * time.Second, 1000 * time.Hour: time.Hour} {
		m := saying()
		cfg := config(advised.Replicas)
		cfg.RPM = 1e6
		all, now := many(2, cfg, m)
		good := m.answer
		m.fails(&advisor.Later{After: after, Err: errors.New("status 429")})
		_, err := all[0].Ask(t.Context(), about(1))
		later(t, err, after, after, "status 429")
		m.answer = good
		now.pass(want - time.Second)
		_, err = all[1].Ask(t.Context(), about(2))
		later(t, err, time.Second, time.Second, "is left alone for 1s: status 429")
		now.pass(time.Second)
		if _, err := all[1].Ask(t.Context(), about(3)); err != nil || len(m.asked) != 2 {
			t.Errorf("after %v: got %v after %d questions", want, err, len(m.asked))
		}
	}
}

// A wrong key is not tried again for minutes.
func TestRefusedByTheServer(t *testing.T) {
	m := saying()
	all, now := many(2, config(advised.Replicas), m)
	m.fails(fmt.Errorf("status 401: %w", advisor.ErrRefused))
	_, _ = all[0].Ask(t.Context(), about(1))
	now.pass(4 * time.Minute)
	_, err := all[1].Ask(t.Context(), about(2))
	later(t, err, time.Minute, 6*time.Minute, "status 401: refused")
	if !errors.Is(err, advisor.ErrRefused) || len(m.asked) != 1 {
		t.Errorf("got %v after %d questions, want to be told that it is refused", err, len(m.asked))
	}
	now.pass(6 * time.Minute)
	if _, err := all[1].Ask(t.Context(), about(3)); len(m.asked) != 2 {
		t.Errorf("after 10 min: %v, want a probe", err)
	}
}

// keyed is a model of the same name with a key of its own.
type keyed struct {
	*model
	account string
	missing error
}

func (k *keyed) Account() string { return k.account }
func (k *keyed) HasKey() error   { return k.missing }

// One document whose key or path is wrong silences no other one of the same model
// and host; the same account is the same model.
func TestAccountsAreLeftAloneByThemselves(t *testing.T) {
	env := environment()
	env.Clock, env.Commons = &still{at: noon}, &advisor.Commons{}
	bad := saying()
	bad.fails(fmt.Errorf("status 401: %w", advisor.ErrRefused))
	_, err := New(config(advised.Replicas), &keyed{model: bad, account: "key of b"}, env).Ask(t.Context(), about(1))
	if !errors.Is(err, advisor.ErrRefused) {
		t.Fatal(err)
	}
	if _, err := New(config(advised.Replicas), &keyed{model: saying(), account: "key of a"}, env).Ask(t.Context(), about(2)); err != nil {
		t.Errorf("with another key: got %v, want an answer", err)
	}
	_, err = New(config(advised.Replicas), &keyed{model: saying(), account: "key of b"}, env).Ask(t.Context(), about(3))
	later(t, err, time.Minute, 10*time.Minute, "status 401: refused")
}

// A key that cannot be read is no fault of the model: as soon as it can be it is
// asked.
func TestAKeyThatCannotBeRead(t *testing.T) {
	env := environment()
	env.Clock, env.Commons = &still{at: noon}, &advisor.Commons{}
	k := &keyed{model: saying(), account: "key of a", missing: fmt.Errorf("%w: keyFile: no such file", advisor.ErrRefused)}
	a := New(config(advised.Replicas), k, env)
	for range 2 * opensAfter {
		if _, err := a.Ask(t.Context(), crowd()); !errors.Is(err, advisor.ErrRefused) || errors.As(err, new(*advisor.Later)) || len(k.asked) > 0 {
			t.Fatalf("got %v after %d questions, want to be told of the key and nobody asked", err, len(k.asked))
		}
	}
	k.missing = nil
	if _, err := a.Ask(t.Context(), crowd()); err != nil {
		t.Errorf("when it is there: got %v, want an answer at once", err)
	}
}

// Targets share the budget of a day, which ends at midnight UTC wherever the
// clock stands.
func TestBudgetOverMidnight(t *testing.T) {
	for _, tc := range []struct {
		name   string
		budget advised.Budget
		want   string
	}{
		{"tokens", advised.Budget{TokensPerDay: 4*450 + 700}, "1800 of 2500 tokens of the day are spent"},
		{"money", advised.Budget{MoneyPerDay: 0.005, InputPrice: 1, OutputPrice: 10}, "0.0036 of 0.0050 US dollars of the day are spent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := saying()
			cfg := config(advised.Replicas)
			cfg.RPM, cfg.Budget = 1e6, tc.budget
			all, now := many(2, cfg, m)
			now.at = time.Date(2026, 1, 5, 18, 0, 0, 0, time.FixedZone("", -5*3600)) // 23:00 UTC
			n := 0
			ask := func() error { n++; now.pass(time.Minute); _, err := all[n%2].Ask(t.Context(), about(n)); return err }
			for i := range 4 {
				if err := ask(); err != nil {
					t.Fatalf("question %d: %v", i+1, err)
				}
			}
			err := ask()
			later(t, err, 55*time.Minute, 55*time.Minute, tc.want)
			later(t, err, 0, time.Hour, "nobody is asked until 2026-01-06T00:00:00Z")
			if len(m.asked) != 4 {
				t.Fatalf("asked %d times, want 4", len(m.asked))
			}
			now.pass(54 * time.Minute)
			if err := ask(); err != nil {
				t.Errorf("at midnight: %v", err)
			}
		})
	}
}

// Questions that are on their way have their part of the budget reserved, and one
// that is answered after midnight was paid by the day before.
func TestBudgetOfQuestionsOnTheirWay(t *testing.T) {
	m := saying()
	cfg := config(advised.Replicas)
	cfg.RPM, cfg.Budget.TokensPerDay = 1e6, 1200
	all, now := many(2, cfg, m)
	good := m.answer
	asked, answer, told := make(chan bool), make(chan bool), make(chan error)
	m.answer = func(ctx context.Context) (advisor.Reply, error) {
		asked <- true
		<-answer
		return good(ctx)
	}
	go func() { _, err := all[0].Ask(t.Context(), about(1)); told <- err }()
	<-asked
	_, err := all[1].Ask(t.Context(), about(2))
	later(t, err, 12*time.Hour, 12*time.Hour, "budget: ")
	now.pass(12 * time.Hour)
	go func() { _, err := all[1].Ask(t.Context(), about(3)); told <- err }()
	<-asked
	close(answer)
	if err := errors.Join(<-told, <-told); err != nil {
		t.Fatal(err)
	}
	if got := all[0].house.budget.tokens; got != 450 {
		t.Errorf("%d tokens of the new day are spent, want 450", got)
	}
}

// What a server does not say is reckoned, so that a budget holds; what it says is
// not believed beyond sense.
func TestTokensThatNobodyCounted(t *testing.T) {
	late := fmt.Errorf("POST /v1: %w", context.DeadlineExceeded)
	for _, tc := range []struct {
		name        string
		reply       advisor.Reply
		err         error
		least, most int
	}{
		{"said", advisor.Reply{Text: goodCount, In: 300, Out: 40}, nil, 340, 340},
		{"not said", advisor.Reply{Text: goodCount}, nil, 500, 700},
		{"impossible", advisor.Reply{Text: goodCount, In: math.MaxInt, Out: -5}, nil, mostUsed, mostUsed + 60},
		{"failed", advisor.Reply{}, errors.New("status 500"), 0, 0},
		{"failed and said", advisor.Reply{In: 300}, errors.New("stream cut off"), 300, 300},
		{"late", advisor.Reply{}, late, 450 + mostTokens, 650 + mostTokens},
		{"late and said", advisor.Reply{In: 300, Out: 7}, late, 307, 307},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := saying()
			m.answer = func(context.Context) (advisor.Reply, error) { return tc.reply, tc.err }
			all, _ := many(1, config(advised.Replicas), m)
			got, _ := all[0].Ask(t.Context(), crowd())
			if n := got.In + got.Out; n < tc.least || n > tc.most || n != all[0].house.budget.tokens {
				t.Errorf("%d tokens told and %d spent, want %d to %d", n, all[0].house.budget.tokens, tc.least, tc.most)
			}
		})
	}
}

// A model that thinks writes more than an answer is long: what one question took is
// reserved for the next, for one that is late too, and forgotten with the day.
func TestBudgetOfModelsThatThink(t *testing.T) {
	m := saying()
	cfg := config(advised.Replicas)
	cfg.RPM, cfg.Budget = 1e6, advised.Budget{TokensPerDay: 9500, MoneyPerDay: 1, OutputPrice: 100}
	all, now := many(2, cfg, m)
	good := m.answer
	m.answer = func(context.Context) (advisor.Reply, error) {
		return advisor.Reply{Text: goodCount, In: 400, Out: 4200}, nil
	}
	ask := func(n int) error { now.pass(time.Minute); _, err := all[n%2].Ask(t.Context(), about(n)); return err }
	if err := ask(1); err != nil {
		t.Fatal(err)
	}
	m.fails(fmt.Errorf("POST /v1: %w", context.DeadlineExceeded))
	if err := ask(2); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if b := all[0].house.budget; b.tokens < 2*4600 || b.tokens > cfg.Budget.TokensPerDay || math.Abs(b.money-2*0.42) > 1e-9 {
		t.Errorf("%d tokens and $%v are spent, want two times 4600 and some more of the question", b.tokens, b.money)
	}
	m.answer = good
	later(t, ask(3), 0, 12*time.Hour, "of 9500 tokens of the day are spent and a question may take 4")
	now.pass(12 * time.Hour)
	if err := ask(4); err != nil {
		t.Errorf("on another day: %v", err)
	}
	if got := all[0].house.budget; got.mostOut != 50 {
		t.Errorf("on another day: %d tokens are the most of an answer, want 50", got.mostOut)
	}
}

// A slow server has no line of questions before it: the fifth is kept back, costs
// neither pace nor budget, and finds a place when one is answered.
func TestQuestionsOnTheirWayAreBounded(t *testing.T) {
	m, cfg, answer := saying(), config(advised.Replicas), make(chan bool)
	cfg.RPM = 6000
	m.answer = func(ctx context.Context) (advisor.Reply, error) {
		select {
		case <-answer:
			return advisor.Reply{Text: goodCount}, nil
		case <-ctx.Done():
			return advisor.Reply{}, ctx.Err()
		}
	}
	all, now := many(mostFlying+1, cfg, m)
	var waiting sync.WaitGroup
	for i, a := range all[:mostFlying] {
		waiting.Go(func() {
			if _, err := a.Ask(t.Context(), about(i)); err != nil {
				t.Error(err)
			}
		})
		for asked := 0; asked <= i; { // until it is on its way
			m.mu.Lock()
			asked = len(m.asked)
			m.mu.Unlock()
			runtime.Gosched()
		}
		now.pass(time.Minute)
	}
	last := all[mostFlying]
	soon, cancel := context.WithTimeout(t.Context(), time.Second) // nobody waits for it
	defer cancel()
	_, err := last.Ask(soon, about(mostFlying))
	later(t, err, retry, retry, "is busy with 4 questions")
	close(answer)
	waiting.Wait()
	if _, err := last.Ask(t.Context(), about(mostFlying)); err != nil {
		t.Errorf("when there is a place: %v", err)
	}
}

// Without commons, as where policies are judged, nothing is shared.
func TestNothingIsSharedWithoutCommons(t *testing.T) {
	m := saying()
	for i := range 3 {
		if got, err := New(config(advised.Replicas), m, environment()).Ask(t.Context(), crowd()); err != nil || got.Cached {
			t.Errorf("advisor %d: got %v, cached %v", i, err, got.Cached)
		}
	}
}

// Many targets at once, a model that fails in every way, and a clock that runs:
// for the race detector, and the ledger balances at the end.
func TestManyTargetsAtOnce(t *testing.T) {
	cfg := config(advised.Replicas)
	cfg.RPM, cfg.Budget.TokensPerDay = 1e6, 1e9
	var calls atomic.Int64
	m := &model{}
	m.answer = func(context.Context) (advisor.Reply, error) {
		switch calls.Add(1) % 7 {
		case 1:
			return advisor.Reply{}, errors.New("status 500")
		case 2:
			return advisor.Reply{Text: "no", In: 100, Out: 10}, nil
		case 3:
			return advisor.Reply{}, &advisor.Later{After: time.Millisecond, Err: errors.New("status 429")}
		}
		return advisor.Reply{Text: goodCount, In: 100, Out: 10}, nil
	}
	all, now := many(16, cfg, m)
	var told atomic.Int64
	var wait sync.WaitGroup
	for i, a := range all {
		wait.Go(func() {
			for j := range 50 {
				got, _ := a.Ask(t.Context(), about(1+(i*50+j)%200))
				told.Add(int64(got.In + got.Out))
				now.pass(time.Second)
			}
		})
	}
	wait.Wait()
	if got := all[0].house.budget.tokens; int64(got) != told.Load() || got == 0 {
		t.Errorf("%d tokens are spent and %d told", got, told.Load())
	}
}
