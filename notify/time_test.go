package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// wall is where messages go in virtual time.
type wall struct {
	mu   sync.Mutex // guards what follows
	sent []posted
	err  error // the answer to the next
	hang <-chan struct{}
}

type posted struct {
	after time.Duration
	news  []string
	sum   bool
	body  string
}

// on puts the wall in the place of the network; begun is when time begins.
func (w *wall) on(n *Notifier, begun time.Time) {
	for _, s := range n.senders {
		s.post = func(ctx context.Context, m *message) error {
			w.mu.Lock()
			hang, err := w.hang, w.err
			w.mu.Unlock()
			if hang != nil {
				select {
				case <-hang:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if err != nil {
				return err
			}
			p := posted{after: time.Since(begun), sum: m.summed, body: string(m.body)}
			for i := range m.news {
				p.news = append(p.news, m.news[i].Message)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.sent = append(w.sent, p)
			return nil
		}
	}
}

func (w *wall) set(err error, hang <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err, w.hang = err, hang
}

func (w *wall) all() []posted {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]posted(nil), w.sent...)
}

// virtually runs a notifier with a wall in virtual time.
func virtually(t *testing.T, r Receiver, test func(*rig, *wall)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &wall{}
		g := run(t, memory.New(), Config{Receivers: []Receiver{r}}, nil)
		synctest.Wait()
		w.on(g.Notifier, time.Now()) // nothing is published yet
		test(g, w)
	})
}

func slackTo(perMinute float64, burst int) Receiver {
	return Receiver{Name: "ops", Slack: &Slack{URL: "http://chat/x"}, Rate: Rate{PerMinute: perMinute, Burst: burst}}
}

// Two messages may go at once and one a minute after that. What happens within
// three seconds is one message.
func TestChatsAreToldAtABoundedRate(t *testing.T) {
	virtually(t, slackTo(1, 2), func(r *rig, w *wall) {
		for i := range 60 { // one each 2 s, for two minutes
			r.event(control.ReplicaEnded, fmt.Sprintf("t%d", i%3), fmt.Sprint("n", i), time.Now())
			time.Sleep(2 * time.Second)
		}
		time.Sleep(3 * time.Minute)
		sent := w.all()
		if len(sent) < 4 || len(sent) > 5 {
			t.Fatalf("got %d messages in 5 minutes, want 2 and one a minute while there is news: %v", len(sent), sent)
		}
		total := 0
		for _, p := range sent {
			total += len(p.news)
		}
		if total != 60 || len(sent[0].news) != 2 {
			t.Errorf("got %d news, %d in the first message, want all 60, and the two of the first 3 s in the first", total, len(sent[0].news))
		}
		if got := sent[2]; !got.sum || !strings.Contains(got.body, fmt.Sprintf("%d more changes of 3 targets", len(got.news)-mostLines)) {
			t.Errorf("what was held back: got %+v, want a sum of all but %d", got, mostLines)
		}
	})
}

// A critical event is shown however much else there is.
func TestWhatMattersMostIsShown(t *testing.T) {
	var news []News
	for i := range 100 {
		e := record.Event{Type: control.ModeChanged, Target: "web", Message: fmt.Sprint("m", i)}
		if i == 3 {
			e = record.Event{Type: control.ConditionBegan, Target: "cart", Message: "CrashLoop: x"}
		}
		news = append(news, ofEvent(&e))
	}
	shown, rest := foremost(news, 3)
	var got []string
	for _, n := range shown {
		got = append(got, n.Message)
	}
	if diff := cmp.Diff([]string{"CrashLoop: x", "m98", "m99"}, got); diff != "" || len(rest) != 97 {
		t.Errorf("shown (-want +got), %d left:\n%s", len(rest), diff)
	}
}

// Programs get every event by itself, until there are too many.
func TestCloudEventsAreSummedUpOnlyWhenTheyAreHeldBack(t *testing.T) {
	hook := cloudEvents("hook", "http://hook/")
	hook.Rate = Rate{PerMinute: 6, Burst: 3}
	virtually(t, hook, func(r *rig, w *wall) {
		for i := range 15 {
			r.scaled(fmt.Sprintf("t%d", i%4), 1, 2+i, time.Now().Add(time.Duration(i)))
		}
		time.Sleep(time.Minute)
		sent := w.all()
		if len(sent) != 4 || sent[3].after < 10*time.Second || sent[3].after > 11*time.Second {
			t.Fatalf("got %v, want 3 at once and the sum of the rest after 10 s", sent)
		}
		var e struct {
			ID, Type, Severity string
			Data               Summary
		}
		if err := json.Unmarshal([]byte(sent[3].body), &e); err != nil {
			t.Fatal(err)
		}
		if d := e.Data; e.Type != SummaryType || d.Changes != 12 || len(d.Targets) != 4 || d.Types["ScaledUp"] != 12 || len(d.Events) != 12 || d.Lost != 0 {
			t.Errorf("got %+v, want 12 changes of 4 targets", e)
		}
		if r.counts.get(Sent) != 3 || r.counts.get(Summed) != 12 {
			t.Errorf("got %v, want 3 sent and 12 summed up", r.counts.of)
		}
	})
}

// A message that fails is tried after about 1, 2, 4 … s up to five minutes, and
// given up after six hours; what comes meanwhile waits.
func TestRetriesBackOff(t *testing.T) {
	virtually(t, cloudEvents("hook", "http://hook/"), func(r *rig, w *wall) {
		w.set(&failure{text: "down"}, nil)
		s := r.senders["hook"]
		for attempt, most := range []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 64e9, 128e9, 256e9, 300e9, 300e9} {
			for range 100 {
				if got := s.backoff(attempt, nil); got > most || got < most/2 {
					t.Fatalf("attempt %d waits %v, want %v to %v", attempt, got, most/2, most)
				}
			}
		}
		if got := s.backoff(0, &failure{after: 90 * time.Second}); got != 90*time.Second {
			t.Errorf("asked for 90 s: got %v", got)
		}
		if got := s.backoff(0, &failure{after: 90 * time.Hour}); got != longestAsked {
			t.Errorf("asked for 90 h: got %v, want %v at the most", got, longestAsked)
		}
		r.event(control.ModeChanged, "web", "first", time.Now())
		time.Sleep(5 * time.Hour)
		r.event(control.ModeChanged, "web", "second", time.Now())
		time.Sleep(2 * time.Hour)
		if got := r.counts.get(Failed); got != 1 {
			t.Errorf("got %d given up after 7 hours, want the first", got)
		}
		w.set(nil, nil)
		time.Sleep(10 * time.Minute)
		if sent := w.all(); len(sent) != 1 || sent[0].news[0] != "second" {
			t.Errorf("got %v, want the second", sent)
		}
		if n := strings.Count(r.log.String(), "level=WARN") + strings.Count(r.log.String(), "level=ERROR"); n != 2 {
			t.Errorf("got %d lines about it, want that it waits and that it is given up:\n%s", n, r.log)
		}
	})
}

// Ten thousand events at a receiver that hangs: what waits is bounded, and every
// one of them is accounted for.
func TestTenThousandEventsAtAReceiverThatHangs(t *testing.T) {
	virtually(t, cloudEvents("hook", "http://hook/"), func(r *rig, w *wall) {
		release := make(chan struct{})
		w.set(nil, release)
		heap := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		const events = 10_000
		for i := range events {
			r.event(control.ReplicaEnded, fmt.Sprintf("t%d", i%100), fmt.Sprintf("replica-%d %s", i, strings.Repeat("x", 200)), time.Now().Add(time.Duration(i)))
			if i == 0 {
				time.Sleep(time.Second) // this one hangs
			}
			if i%100 == 99 {
				synctest.Wait() // or the bus would lose some
			}
		}
		if waits, _ := r.senders["hook"].waits(); waits > mostWaiting {
			t.Errorf("%d wait, want %d at the most", waits, mostWaiting)
		}
		if grown := int64(heap()) - int64(before); grown > 8<<20 {
			t.Errorf("%d bytes more, want below 8 MB", grown)
		}
		close(release)
		time.Sleep(time.Hour)
		if got := r.counts.all(); got != events || r.counts.get(Lost) < events-mostWaiting-10 {
			t.Errorf("got %d accounted for (%v), want %d", got, r.counts.of, events)
		}
		told := 0
		for _, p := range w.all() {
			told += len(p.news)
		}
		if want := events - r.counts.get(Lost); told != want {
			t.Errorf("got %d told, want %d", told, want)
		}
		if last := w.all()[1]; !strings.Contains(last.body, fmt.Sprintf(`"lost":%d`, r.counts.get(Lost))) {
			t.Errorf("how many were lost is not told: %.300s", last.body)
		}
	})
}

// The ID is the same whoever tells it, and differs between events.
func TestIDsAreStable(t *testing.T) {
	at := start0()
	e := record.Event{Type: control.ModeChanged, Target: "web", At: at, Message: "Paused"}
	first, second := ofEvent(&e), ofEvent(&e)
	e.At = at.In(time.FixedZone("CET", 3600))
	if third := ofEvent(&e); first.ID != second.ID || first.ID != third.ID {
		t.Errorf("got %s, %s, %s, want the same", first.ID, second.ID, third.ID)
	}
	e.At = at.Add(1)
	if other := ofEvent(&e); other.ID == first.ID {
		t.Error("another instant has the same ID")
	}
}

// What a target cannot do is said once an hour, and again once it could.
func TestARepeatedFailureIsToldOnce(t *testing.T) {
	virtually(t, cloudEvents("hook", "http://hook/"), func(r *rig, w *wall) {
		fail := func(why string) {
			a := record.Applied{Target: "web", At: time.Now(), From: 1, To: 2, Error: why}
			if err := control.Changes(r.bus, "web").Publish(context.Background(), a); err != nil {
				t.Fatal(err)
			}
			time.Sleep(15 * time.Second)
		}
		for i := range 20 {
			fail(fmt.Sprintf("quota used up (request %d)", i))
		}
		r.scaled("web", 1, 2, time.Now())
		time.Sleep(time.Second)
		fail("quota used up (request 99)")
		if sent := w.all(); len(sent) != 3 {
			t.Errorf("got %v, want the failure, the change and the failure", sent)
		}
	})
}

// What lasts about decisions is told once it has lasted, and its end only then.
func TestWhatLastsAboutDecisionsIsTold(t *testing.T) {
	virtually(t, cloudEvents("hook", "http://hook/"), func(r *rig, w *wall) {
		decide := func(d scale.Decision, times int) {
			for range times {
				d.Target, d.At = "web", time.Now()
				if err := control.Decisions(r.bus, "web").Publish(context.Background(), record.Decided{Decision: d}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(15 * time.Second)
			}
		}
		spent := scale.Decision{Conditions: []scale.GuardCondition{{Guard: "budget", Reason: scale.Because("BudgetSpent", "nothing is left of {0}", 20)}}}
		decide(spent, 2) // too short
		decide(scale.Decision{}, 1)
		if sent := w.all(); len(sent) != 0 {
			t.Fatalf("got %v, want nothing yet", sent)
		}
		decide(spent, 8)
		decide(scale.Decision{}, 1)
		full := scale.Decision{SetBy: "bounds", CurrentReplicas: 10, DesiredReplicas: 10, Recommendation: scale.Recommendation{Replicas: 14}, Reason: scale.Because("TooManyReplicas", "at most 10")}
		decide(full, 25)
		r.event(control.ConditionBegan, "web", "CrashLoop: replicas fail", time.Now()) // which the guard tells of too
		synctest.Wait()
		decide(scale.Decision{Conditions: []scale.GuardCondition{{Guard: "health", Reason: scale.Because("CrashLoop", "replicas fail")}}}, 10)
		var got []string
		for _, p := range w.all() {
			got = append(got, p.news...)
		}
		want := []string{"BudgetSpent: nothing is left of 20", "BudgetSpent is over", "AtMaximum: the policy wants 14 replicas: at most 10",
			"CrashLoop: replicas fail", "AtMaximum is over"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// A webhook that was revoked loses news: that is logged each hour, with how many.
func TestWhatIsLostForLongIsLoggedEachHour(t *testing.T) {
	virtually(t, cloudEvents("hook", "http://hook/"), func(r *rig, w *wall) {
		w.set(&failure{text: "404 no webhook", final: true}, nil)
		for i := range 12 { // three hours
			r.event(control.ModeChanged, "web", fmt.Sprint("n", i), time.Now())
			time.Sleep(15 * time.Minute)
		}
		var got []string
		for _, line := range strings.Split(r.log.String(), "\n") {
			if _, words, is := strings.Cut(line, "notifications given up"); is {
				got = append(got, words)
			}
		}
		each := `" receiver=hook news=%d error="404 no webhook"`
		want := []string{fmt.Sprintf(each, 1), fmt.Sprintf(each, 4), fmt.Sprintf(each, 4)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("logged (-want +got):\n%s", diff)
		}
	})
}

// A decision without data says nothing about what lasts.
func TestWithoutDataNothingIsOver(t *testing.T) {
	l, at := newLasting(), start0()
	var got []string
	see := func(d scale.Decision, times int) {
		for range times {
			d.Target, d.At = "web", at
			for _, e := range l.see(&d) {
				got = append(got, e.Type+" "+e.Message)
			}
			at = at.Add(15 * time.Second)
		}
	}
	full := scale.Decision{SetBy: "bounds", CurrentReplicas: 10, DesiredReplicas: 10, Recommendation: scale.Recommendation{Replicas: 14}, Reason: scale.Because("TooManyReplicas", "at most 10")}
	unknown := scale.Decision{NoData: true, CurrentReplicas: 10, DesiredReplicas: 10}
	see(full, 25)
	see(unknown, 3)
	see(full, 25)
	see(scale.Decision{}, 1)
	see(full, 15) // too short
	see(unknown, 30)
	see(full, 1) // nobody knows that it lasted
	want := []string{"ConditionBegan AtMaximum: the policy wants 14 replicas: at most 10", "ConditionEnded AtMaximum is over"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// A receiver that stays keeps what waits for it when others come and go.
func TestReceiversComeAndGo(t *testing.T) {
	virtually(t, slackTo(10, 5), func(r *rig, w *wall) {
		r.event(control.ReplicaEnded, "web", "one", time.Now())
		synctest.Wait()
		if err := r.SetConfig(Config{Source: DefaultSource, Receivers: []Receiver{slackTo(10, 5), cloudEvents("hook", "http://hook/")}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.on(r.Notifier, time.Now())
		r.event(control.ReplicaEnded, "web", "two", time.Now())
		time.Sleep(10 * time.Second)
		sent := w.all()
		if len(sent) != 2 || len(sent[0].news)+len(sent[1].news) != 3 {
			t.Errorf("got %v, want both in one message, and the second for the new receiver", sent)
		}
		if err := r.SetConfig(Config{Source: DefaultSource}); err == nil {
			t.Error("a configuration without receivers was taken")
		}
	})
}
