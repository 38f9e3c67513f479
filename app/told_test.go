package app

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
	busmemory "github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// counsels is a counsel that tells, with what is heard of it.
type counsels struct {
	*counsel
	events    <-chan record.Event
	exchanges <-chan control.Exchange
}

func telling(t *testing.T) counsels {
	t.Helper()
	bus := busmemory.New()
	deps := testDeps(t, bus, nil)
	c := counsels{counsel: newCounsel("shop", &deps)}
	var err error
	if c.events, err = control.Events(bus, "shop").Subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.exchanges, err = control.Exchanges(bus, "shop").Subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// exchange is one on an occasion.
func exchange(replicas int, failed string) advisor.Exchange {
	at, wants := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), 3
	return advisor.Exchange{Target: "shop", From: "small:3b #abc123", At: at, SeenAt: at.Add(-time.Second), Took: time.Second, Occasion: policy.Violations,
		Wanted: &wants, Error: failed, Answer: advisor.Answer{In: 400, Out: 50, Cost: 0.002,
			Advice: scale.Advice{Replicas: &replicas, Confidence: 0.9, Reason: "it\x1b[31m grows", Expires: at.Add(time.Minute), Thresholds: map[string]float64{"latency": 0.4}}}}
}

// run tells until all is told.
func (c counsels) run(t *testing.T) (events []record.Event, exchanges []control.Exchange) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stop() // what waits is told at the end
	if err := c.told.run(ctx); err != nil {
		t.Fatal(err)
	}
	return heard(c.events), heard(c.exchanges)
}

// heard is what has come by now.
func heard[T any](from <-chan T) (all []T) {
	for {
		synctest.Wait()
		select {
		case one := <-from:
			all = append(all, one)
		default:
			return all
		}
	}
}

// Each question is an event with all that was said.
func TestAnExchangeIsAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := telling(t)
		x := exchange(7, "")
		x.Answer.Asked, x.Answer.Said = "load 3", `{"replicas":7}`
		c.told.hear(x)
		events, exchanges := c.run(t)
		if len(events) != 1 || len(exchanges) != 1 {
			t.Fatalf("got %d events of %d exchanges, want one each", len(events), len(exchanges))
		}
		e := events[0]
		if e.Type != control.AdviceGiven || e.Target != "shop" || !e.At.Equal(x.At) || e.Message != "small:3b advises 7 replicas (confidence 0.9): “it?[31m grows”" {
			t.Errorf("got %+v", e)
		}
		a := e.Advised
		if *a.Replicas != 7 || *a.Wanted != 3 || a.Asked != "load 3" || a.Said != `{"replicas":7}` || a.In != 400 || a.Took != time.Second ||
			a.Thresholds[0] != (record.Threshold{Name: "latency", Value: 0.4}) || !a.Expires.Equal(x.Answer.Advice.Expires) {
			t.Errorf("got %+v, want all that was exchanged", a)
		}
	})
}

// Why there is no answer is said once while it is the same; every failure counts,
// and what was said all the same is always told.
func TestFailuresAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := telling(t)
		refused := exchange(0, "answer refused: replicas: 99 is above 20")
		refused.Answer.Said = `{"replicas":99}`
		at := refused.At
		for i, x := range []advisor.Exchange{exchange(0, "no route"), exchange(0, "no route"), exchange(0, "status 500"), exchange(4, ""),
			exchange(0, "status 500"), refused, refused} {
			x.At, x.Answer.Asked = at.Add(time.Duration(i)*time.Minute), "load 3"
			c.told.hear(x)
		}
		events, exchanges := c.run(t)
		var got []string
		for _, e := range events {
			got = append(got, e.Type)
		}
		want := "AdviceFailed AdviceFailed AdviceGiven AdviceFailed AdviceFailed AdviceFailed"
		if strings.Join(got, " ") != want || len(exchanges) != 7 {
			t.Errorf("got %d exchanges and events %v, want 7 and %s", len(exchanges), got, want)
		}
		if a := events[0].Advised; events[0].Message != "small:3b: no route" || a.Replicas != nil || !a.Expires.IsZero() || a.Reason != "" {
			t.Errorf("got %+v %+v, want why and no advice", events[0], a)
		}
	})
}

// What keeps us from asking comes and goes: it is told once an hour, whatever the
// numbers in it.
func TestWhoIsNotAskedIsToldOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := telling(t)
		for i := range 62 {
			x := exchange(0, fmt.Sprintf("pace: nobody is asked until 18:%02d", i%60))
			x.At = x.At.Add(time.Duration(i) * time.Minute)
			c.told.hear(x)
			if i == 30 {
				c.told.hear(exchange(4, ""))
			}
		}
		events, exchanges := c.run(t)
		if len(events) != 3 || len(exchanges) != 63 || events[1].Type != control.AdviceGiven {
			t.Errorf("got %d events of %d exchanges, want two an hour apart, and an answer", len(events), len(exchanges))
		}
	})
}

// Nobody is to think that a model said what one that stands in for it did.
func TestWhoStandsInIsNamedSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := telling(t)
		c.told.of(&advised.Advisor{}, true)(exchange(4, ""))
		c.told.of(&advised.Advisor{}, false)(exchange(4, ""))
		c.told.of(&advised.Advisor{Simulated: &advised.Simulated{}}, true)(exchange(4, ""))
		events, _ := c.run(t)
		var got []string
		for _, e := range events {
			who, _, _ := strings.Cut(e.Message, " advises ")
			got = append(got, who)
		}
		if want := "simulated, for small:3b; small:3b; small:3b"; strings.Join(got, "; ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// What is told is bounded and never waited for, whatever an advisor says.
func TestWhatIsToldIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c := telling(t)
		c.told.deps.Log = slog.New(slog.NewTextHandler(&log, nil))
		x := exchange(7, "")
		x.Answer.Asked, x.Answer.Cost, x.Answer.Advice.Confidence = strings.Repeat("é", mostWords), math.NaN(), math.Inf(1)
		for range mostUntold + 3 {
			c.told.hear(x)
		}
		events, _ := c.run(t)
		if len(events) != mostUntold || strings.Count(log.String(), "exchanges=3") != 1 {
			t.Errorf("%d told, log %q, want %d and that 3 are lost", len(events), log.String(), mostUntold)
		}
		a := events[0].Advised
		if len(a.Asked) > mostWords+len("…") || a.Cost != 0 || a.Confidence != 0 {
			t.Errorf("%d bytes asked, cost %v, confidence %v, want them bounded", len(a.Asked), a.Cost, a.Confidence)
		}
	})
}

// Language models are told of; a remote policy is not, whose every word is in the
// decisions.
func TestOfWhomCounselTells(t *testing.T) {
	for kind, want := range map[string]int{advised.Kind: 1, remote.Kind: 0} {
		synctest.Test(t, func(t *testing.T) {
			spec, made := remotely(t)
			builtin.RegisterAdvisor(spec.advisors, advised.Kind, func(_ advised.Advisor, env advisor.Env) (advisor.Advisor, error) {
				*made = append(*made, &pythia{env: env, takes: time.Second})
				return (*made)[0], nil
			})
			if kind == advised.Kind {
				var err error
				if spec.Policy, err = newPolicySpec(scale.Plugin{Kind: kind, Body: []byte(`{"base":{"hpa":{}}}`)}, v1alpha1.Spec{}, builtin.New()); err != nil {
					t.Fatal(err)
				}
			}
			c := telling(t)
			all, err := c.prepare(&spec)
			if err != nil {
				t.Fatal(err)
			}
			(*made)[0].silent = true
			c.adopt(all)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- c.counsel.run(ctx) }()
			c.put(ctx, all[0], advisor.Question{Seen: scale.Observation{Target: "shop", At: time.Now()}, About: &policy.Inquiry{Occasion: policy.FirstLook}})
			time.Sleep(5 * time.Second)
			stop()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			events := heard(c.events)
			if len(events) != want || want == 1 && (!strings.HasSuffix(events[0].Message, ": nobody is there") || events[0].Advised.Occasion != policy.FirstLook) {
				t.Errorf("%s: got %+v, want %d that say nobody is there", kind, events, want)
			}
		})
	}
}
