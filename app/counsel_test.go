package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
	busmemory "github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/record"
	recordmemory "github.com/flyball-io/flyball/record/memory"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/target"
)

// pythia is an advisor that takes its time.
type pythia struct {
	env    advisor.Env
	takes  time.Duration
	silent bool
	closed bool
	asked  int
}

func (o *pythia) Manners() advisor.Manners {
	return advisor.Manners{Timeout: 2 * time.Second, MaxAge: 30 * time.Second}
}
func (o *pythia) Close() { o.closed = true }
func (o *pythia) Ask(ctx context.Context, _ advisor.Question) (advisor.Answer, error) {
	o.asked++
	select {
	case <-time.After(o.takes):
	case <-ctx.Done():
		return advisor.Answer{}, ctx.Err()
	}
	if o.silent {
		return advisor.Answer{}, errors.New("nobody is there")
	}
	n := o.env.Max - 1
	return advisor.Answer{Advice: scale.Advice{Replicas: &n, Confidence: 1, Reason: "said so"}}, nil
}

// remotely is a spec whose policy is remote, else three replicas by HPA. It
// returns who is asked, in the order of their making.
func remotely(t *testing.T) (Spec, *[]*pythia) {
	t.Helper()
	spec, made := cooling(), &[]*pythia{}
	spec.Sync, spec.Max = scale.Duration(15*time.Second), 8
	spec.Policy = remotePolicy(t, "http://agent/decide", "")
	spec.advisors = builtin.Advisors{}
	builtin.RegisterAdvisor(spec.advisors, remote.Kind, func(_ remote.Config, env advisor.Env) (advisor.Advisor, error) {
		o := &pythia{env: env, takes: time.Second}
		*made = append(*made, o)
		return o, nil
	})
	return spec, made
}

func remotePolicy(t *testing.T, url, more string) PolicySpec {
	t.Helper()
	body := `{"url":"` + url + `","fallback":{"hpa":{"metrics":[{"signal":"requestRate","averageValue":10}]}}` + more + `}`
	p, err := newPolicySpec(scale.Plugin{Kind: "remote", Body: []byte(body)}, v1alpha1.Spec{}, builtin.New())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// loop runs planner and counsel of a service on reports of one a second for so
// long, and returns the decisions.
func loop(t *testing.T, s *Service, length time.Duration) []record.Decided {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	heard, err := control.Decisions(s.deps.Bus, s.name).Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { ended <- s.planner(nil).Run(ctx) }()
	go func() { ended <- s.counsel.run(ctx) }()
	var all []record.Decided
	for range int(length / time.Second) {
		now := time.Now()
		report := control.Report{Target: s.name, At: now, Measured: true,
			Status:  &target.Status{SpecReplicas: 3, Replicas: scaletest.Replicas(3, 0)},
			Samples: []scale.Sample{{Signal: scale.RequestRate, At: now, Window: 15 * time.Second, Value: 30}}}
		if err := control.Reports(s.deps.Bus, s.name).Publish(ctx, report); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for more := true; more; {
			select {
			case d := <-heard:
				all = append(all, d)
			default:
				more = false
			}
		}
	}
	stop()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	return all
}

// The first decision is made before anybody has answered; each later one takes an
// answer on what was seen a moment before, and none is late for it.
func TestAnswersReachTheDecisionsAfterThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec, made := remotely(t)
		s, err := NewService(t.Context(), spec, &stubborn{}, testDeps(t, busmemory.New(), nil))
		if err != nil {
			t.Fatal(err)
		}
		decided := loop(t, s, 50*time.Second)
		var got []string
		for _, d := range decided {
			got = append(got, d.Decision.Recommendation.Reason.Code)
		}
		if want := "WithinTolerance RemoteAnswered RemoteAnswered RemoteAnswered"; strings.Join(got, " ") != want {
			t.Fatalf("decided by %v, want %s", got, want)
		}
		for i, d := range decided[1:] {
			if r := d.Decision.Recommendation; r.Replicas != 7 || !strings.HasPrefix(r.Reason.String(), "answered on what was seen 3 s before: said so") {
				t.Errorf("decision %d: %d (%s), want the 7 that were said on what was seen 3 s before", i+2, r.Replicas, r.Reason)
			}
			if gap := d.Decision.At.Sub(decided[i].Decision.At); gap != 15*time.Second {
				t.Errorf("decision %d: %v after the one before, want 15s", i+2, gap)
			}
		}
		if len(*made) != 1 || !(*made)[0].closed {
			t.Errorf("%d were made, closed %v: want one that is closed at the end", len(*made), (*made)[0].closed)
		}
	})
}

func TestWhoIsSilentLeavesTheDecisionToTheFallback(t *testing.T) {
	for name, change := range map[string]func(*pythia){
		"too slow": func(o *pythia) { o.takes = time.Minute },
		"failing":  func(o *pythia) { o.silent = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec, made := remotely(t)
				s, err := NewService(t.Context(), spec, &stubborn{}, testDeps(t, busmemory.New(), nil))
				if err != nil {
					t.Fatal(err)
				}
				change((*made)[0])
				decided := loop(t, s, 35*time.Second)
				if len(decided) != 3 {
					t.Fatalf("%d decisions, want 3: nobody waits", len(decided))
				}
				last := decided[2].Decision
				if last.Recommendation.Replicas != 3 || len(last.Conditions) == 0 || last.Conditions[0].Reason.Code != "RemoteSilent" {
					t.Errorf("got %d replicas, %+v, want the 3 of the fallback and RemoteSilent", last.Recommendation.Replicas, last.Conditions)
				}
			})
		})
	}
}

// A document that changes nothing of who is asked lets them go on; one with other
// bounds does not: they were asked for a count within the old ones.
func TestWhoIsAskedAfterAReload(t *testing.T) {
	spec, made := remotely(t)
	c := newCounsel("shop", &Deps{Clock: clock.System})
	first, err := c.prepare(&spec)
	if err != nil {
		t.Fatal(err)
	}
	c.adopt(first)
	spec.Mode = scale.Recommend
	second, err := c.prepare(&spec)
	if err != nil || len(second) != 1 || second[0] != first[0] {
		t.Errorf("after another mode: got %v, %v, want the same", second, err)
	}
	spec.Max = 5
	third, err := c.prepare(&spec)
	if err != nil || len(third) != 1 || third[0] == first[0] || len(*made) != 2 {
		t.Errorf("after another bound: got %v, %v, want another", third, err)
	}
}

// Needs are found wherever a policy stands, each once.
func TestWhomADocumentNeeds(t *testing.T) {
	spec, _ := remotely(t)
	nested, err := newPolicySpec(scale.Plugin{Kind: "combine", Body: []byte(`{"max":[{"hpa":{}},{"remote":{"url":"http://other"}}]}`)}, v1alpha1.Spec{}, builtin.New())
	if err != nil {
		t.Fatal(err)
	}
	spec.Shadows = []PolicySpec{remotePolicy(t, "http://agent/decide", ""), nested}
	needs, err := spec.Needs()
	if err != nil || len(needs) != 2 || !strings.HasPrefix(needs[0].From, "http://agent/decide #") || !strings.HasPrefix(needs[1].From, "http://other #") {
		t.Errorf("got %+v, %v, want agent and other", needs, err)
	}
	spec.Policy = remotePolicy(t, "http://agent/decide", `,"headers":{"X":"one"}`)
	spec.Shadows = []PolicySpec{remotePolicy(t, "http://agent/decide", `,"headers":{"X":"another"}`)}
	if _, err := spec.Needs(); err == nil || !strings.Contains(err.Error(), "different headers") {
		t.Errorf("got %v, want that one name cannot stand for two", err)
	}
}

// Nobody has proved what is answered: its cost is bounded where a document says
// nothing of it.
func TestTheUsualEnvelopeOfARemotePolicy(t *testing.T) {
	p := remotePolicy(t, "http://agent/decide", "")
	if e := p.envelopeOr(nil, &scale.Objective{}); e == nil || e.Expert.Kind != "hpa" {
		t.Errorf("got %+v, want one whose expert is the fallback", e)
	}
	stated := &v1alpha1.Envelope{Lambda: 3}
	if e := p.envelopeOr(stated, &scale.Objective{}); e.Lambda != 3 || e.Expert.Kind != "hpa" || stated.Expert != nil {
		t.Errorf("got %+v, want what is stated, of the fallback, and no change of that", e)
	}
	if e := p.envelopeOr(nil, nil); e != nil {
		t.Errorf("without an objective: got %+v, want none", e)
	}
	own, err := newPolicySpec(scale.Plugin{Kind: "predictive"}, v1alpha1.Spec{}, builtin.New())
	if e := own.envelopeOr(nil, &scale.Objective{}); err != nil || e != nil {
		t.Errorf("of predictive: got %+v, %v, want none", e, err)
	}
}

// In a simulation that is judged, silence is an error: the figures would be those
// of the fallback.
func TestJudgingNeedsAnAnswer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	contestant, err := Contestants{Plugins: builtin.New()}.Parse("remote:url=" + server.URL)
	if err != nil {
		t.Fatal(err)
	}
	scenario := sim.Default()
	d, err := contestant.New(&scenario)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		d.Decide(scaletest.Observation(time.Duration(i)*15*time.Second, 3))
	}
	if err := d.(interface{ Err() error }).Err(); err == nil || !strings.Contains(err.Error(), "must answer where it is judged: POST "+server.URL) {
		t.Errorf("got %v, want that the server must answer", err)
	}
}

// Of several only those are asked whose turn it is.
func TestWhoIsNotDueIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec, made := remotely(t)
		spec.Shadows = []PolicySpec{remotePolicy(t, "http://other/decide", "")}
		c := newCounsel("shop", &Deps{Clock: clock.System, Wall: clock.System})
		all, err := c.prepare(&spec)
		if err != nil || len(all) != 2 {
			t.Fatalf("got %v, %v, want two", all, err)
		}
		c.adopt(all)
		obs := scale.Observation{Target: "shop", At: time.Now()}
		if err := all[0].desk.AskNow(t.Context(), advisor.Question{Seen: obs}); err != nil {
			t.Fatal(err)
		}
		c.Show(t.Context(), obs, obs.At)
		if first, second := (*made)[0].asked, (*made)[1].asked; first != 1 || second != 1 {
			t.Errorf("asked %d and %d times, want the other one alone", first, second)
		}
	})
}

// A controller that starts anew goes on with the advice that the record has, while it
// is valid; that of somebody else, and what came to nothing, is none.
func TestARestartGoesOnWithTheAdviceOfTheRecord(t *testing.T) {
	nobody(t)
	now := time.Now().Round(0)
	started, _ := advisedBy(t, "")
	spec := started.spec
	needs, err := spec.Needs()
	if err != nil {
		t.Fatal(err)
	}
	told := func(ago time.Duration, kind, from string, n int) record.Entry {
		at := now.Add(-ago)
		a := record.Advised{From: from, SeenAt: at, Expires: at.Add(5 * time.Minute), Replicas: &n, Confidence: 0.5}
		return record.Entry{Target: spec.Name, At: at, Event: &record.Event{Type: kind, Target: spec.Name, At: at, Advised: &a}}
	}
	from := needs[0].From
	for name, tc := range map[string]struct {
		told []record.Entry
		want int // 0: no advice
	}{
		"nothing":     {nil, 0},
		"the newest":  {[]record.Entry{told(3*time.Minute, control.AdviceGiven, from, 7), told(2*time.Minute, control.AdviceGiven, from, 9)}, 9},
		"expired":     {[]record.Entry{told(6*time.Minute, control.AdviceGiven, from, 7)}, 0},
		"of another":  {[]record.Entry{told(time.Minute, control.AdviceGiven, "somebody #1", 7)}, 0},
		"then failed": {[]record.Entry{told(2*time.Minute, control.AdviceGiven, from, 7), told(time.Minute, control.AdviceFailed, from, 9)}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			store := recordmemory.New(recordmemory.Options{})
			if err := store.Write(t.Context(), record.Batch{Entries: tc.told}); err != nil {
				t.Fatal(err)
			}
			s, err := NewService(t.Context(), spec, &stubborn{}, testDeps(t, busmemory.New(), store))
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, a := range s.counsel.Advice(now) {
				got = *a.Replicas
			}
			if got != tc.want {
				t.Errorf("got advice of %d, want %d", got, tc.want)
			}
		})
	}
}
