package guard_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/guard/guardtest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
)

// tracker is an expert that wants a replica for every started 50 requests per
// second, and remembers how often it was asked.
type tracker struct{ asked int }

func (x *tracker) Decide(obs scale.Observation) scale.Decision {
	x.asked++
	d := scale.Decision{At: obs.At, CurrentReplicas: obs.CurrentReplicas, DesiredReplicas: obs.CurrentReplicas}
	if rate, ok := obs.Last(scale.RequestRate); ok && rate >= 0 && rate < 1e6 {
		d.DesiredReplicas = int(rate/50) + 1
	}
	return d
}
func (*tracker) Applied(time.Time, int, int) {}
func (x *tracker) Snapshot() ([]byte, error) { return json.Marshal(x.asked) }
func (x *tracker) Restore(s []byte) error    { return json.Unmarshal(s, &x.asked) }

func envelope(change func(*guard.EnvelopeConfig)) *guard.Envelope {
	cfg := guard.EnvelopeConfig{
		Lambda: 0.2, Max: 40, Sync: sync, Name: "tracker", Expert: &tracker{},
		Objective: scale.Objective{Threshold: scale.Duration(time.Second), Target: 0.99, Window: scale.Duration(time.Hour)},
		Service:   &pool{perReplica: 50, width: 5, known: true, startup: 30 * time.Second},
	}
	if change != nil {
		change(&cfg)
	}
	return guard.NewEnvelope(cfg)
}

func TestEnvelopeKeepsTheContract(t *testing.T) {
	guardtest.Run(t, guardtest.Promise{LastsForHours: true},
		func() guard.Guard { return envelope(nil) },
		func() guard.Guard { return envelope(func(c *guard.EnvelopeConfig) { c.Lambda = 0.5 }) })
}

// Another λ is another promise: its accounts begin anew. The expert has seen what
// it has seen.
func TestAnotherPromiseKeepsTheExpert(t *testing.T) {
	expert := &tracker{}
	was, is := envelope(nil), envelope(func(c *guard.EnvelopeConfig) { c.Lambda, c.Expert = 0.5, expert })
	for k := range 10 {
		was.Limit(scaletest.Observation(time.Duration(k)*sync, 10, scaletest.Fresh(scale.RequestRate, scaletest.At(time.Duration(k)*sync), 460)), 10)
	}
	memory, err := was.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := is.Restore(memory); !errors.Is(err, scale.ErrSnapshot) || was.Credit() == 0 || is.Credit() != 0 {
		t.Errorf("got %v and a credit of %v after %v, want ErrSnapshot and none", err, is.Credit(), was.Credit())
	}
	if expert.asked == 0 {
		t.Error("the expert remembers nothing")
	}
}

// obeyed plays an envelope at a rate, and does what it says.
type obeyed struct {
	t        *testing.T
	envelope *guard.Envelope
	at       time.Duration
	replicas int
	reason   scale.Reason
}

func (s *obeyed) see(rate float64) scale.Observation {
	s.at += sync
	return scaletest.Observation(s.at, s.replicas, scaletest.Fresh(scale.RequestRate, scaletest.At(s.at), rate))
}

func (s *obeyed) apply(obs scale.Observation, n int, reason scale.Reason) int {
	if n != s.replicas {
		s.envelope.Applied(obs.At, s.replicas, n)
	}
	s.replicas, s.reason = n, reason
	return n
}

func (s *obeyed) want(rate float64, want int) int {
	obs := s.see(rate)
	n, reason := s.envelope.Limit(obs, want)
	return s.apply(obs, n, reason)
}

func (s *obeyed) expect(rate float64, want, got int, code string) {
	s.t.Helper()
	if n := s.want(rate, want); n != got || s.reason.Code != code {
		s.t.Errorf("%v: %d wanted: got %d (%q: %s), want %d (%q)", s.at, want, n, s.reason.Code, s.reason, got, code)
	}
}

// 10 replicas of the expert bring 2 replicas × 15 s of credit in each interval
// in which they are followed. A wish for the maximum gets what that pays for:
// to start one costs 30 s, and it may run for two intervals.
func TestCreditIsEarnedBeforeItIsSpent(t *testing.T) {
	s := &obeyed{t: t, envelope: envelope(nil), replicas: 10}
	s.expect(460, 10, 10, "")
	s.expect(460, 40, 11, "Envelope") // 30 saved: one start; two more intervals of 11 are within 1.2 × 10
	for range 100 {
		s.want(460, 10)
	}
	// λ × the expert's hour: 0.2 × (25 min × 10) = 0.83 replica-hours. Of these
	// 30 replicas more would use (30 + 30) × 30 s = 0.5.
	s.expect(460, 40, 40, "")
	for range 4 {
		s.want(460, 40)
	}
	if s.replicas == 40 {
		t.Errorf("after a minute 40 replicas are still admitted: %.2f replica-hours saved", s.envelope.Credit()/3600)
	}
	for range 50 {
		s.want(460, 40)
	}
	if s.replicas > 12 {
		t.Errorf("with nothing saved: %d replicas, want 1.2 × 10 at most", s.replicas)
	}
}

// What months have saved is not there to be burnt: an hour's surcharge is.
func TestSavedCreditIsCapped(t *testing.T) {
	s := &obeyed{t: t, envelope: envelope(func(c *guard.EnvelopeConfig) {
		c.Service.(*pool).known = false // then replicas alone cost
	}), replicas: 10}
	for range 4 * 60 * 24 * 10 {
		s.want(460, 10)
	}
	if hours := s.envelope.Credit() / 3600; hours < 0.2*10*59/60 || hours > 0.2*10 {
		t.Errorf("after ten days: %v replica-hours saved, want those of 0.2 × 10 replicas in an hour", hours)
	}
}

// The way back to the expert is open, although a rate rule let the policy go
// only one step.
func TestReturningGoesPastRulesThatSlow(t *testing.T) {
	s := &obeyed{t: t, envelope: envelope(nil), replicas: 10}
	s.expect(460, 10, 10, "")
	s.expect(60, 9, 3, "EnvelopeReturn")
	if text := s.reason.String(); !strings.Contains(text, "past rules that slow changes") || !strings.Contains(text, "the expert tracker has 2") {
		t.Errorf("got %q", text)
	}
}

// Where CPU alone is measured the accounts are kept by that; once requests are counted
// they begin anew, for then loads and prices are of another unit.
func TestTheAccountsAreKeptByWhatIsMeasured(t *testing.T) {
	s := &obeyed{t: t, envelope: envelope(nil), replicas: 10}
	see := func(signal string) (int, scale.Reason) {
		s.at += sync
		obs := scaletest.Observation(s.at, s.replicas, scaletest.Fresh(signal, scaletest.At(s.at), 460))
		n, reason := s.envelope.Limit(obs, 10)
		s.apply(obs, n, reason)
		return n, reason
	}
	for k := range 4 {
		if n, reason := see(scale.CPUUtilization); n != 10 || reason.Code != "" {
			t.Fatalf("by CPU, decision %d: got %d (%s), want the 10 that are wanted", k, n, reason)
		}
	}
	saved, began := s.envelope.Credit(), s.envelope.Began()
	if saved < 89 || saved > 91 { // 0.2 · 10 · 45 s
		t.Errorf("%v are saved by CPU, want 90", saved)
	}
	if see(scale.RequestRate); s.envelope.Credit() != 0 || !s.envelope.Began().After(began) {
		t.Errorf("by requests: %v are saved since %v, want both accounts to begin anew", s.envelope.Credit(), s.envelope.Began())
	}
	if see(scale.RequestRate); s.envelope.Credit() <= 0 {
		t.Error("by requests nothing is saved")
	}
}

// Without a rate nobody knows what a count may cost.
func TestBlindItGivesTheExpertsAnswer(t *testing.T) {
	s := &obeyed{t: t, envelope: envelope(nil), replicas: 10}
	s.expect(460, 10, 10, "")
	obs := s.see(460)
	obs.Signals[0].Trust = scale.Stale
	if n, reason := s.envelope.Limit(obs, 11); n != 10 || reason.Code != "EnvelopeBlind" {
		t.Errorf("a stale rate: got %d (%s), want the 10 of the expert", n, reason)
	}
}

// Nothing is taken away on doubtful data in the name of the expert.
func TestTheExpertsAnswerPassesTheRulesToo(t *testing.T) {
	safety := &guard.Data{Signals: []string{scale.RequestRate}, Trust: guard.DefaultTrust()}
	s := &obeyed{t: t, envelope: envelope(func(c *guard.EnvelopeConfig) { c.Safety = []guard.Guard{safety} }), replicas: 10}
	for range 40 {
		s.want(460, 10)
	}
	s.expect(460, 15, 15, "")
	obs := s.see(460)
	obs.Signals[0].Trust = scale.Stale
	if n, reason := s.envelope.Limit(obs, 15); n != 15 {
		t.Errorf("a stale rate on 15 replicas: got %d (%s), want none taken away though the expert has 10", n, reason)
	}
}

// A policy without an opinion leaves the word to the expert.
func TestTheExpertStandsIn(t *testing.T) {
	s := &obeyed{t: t, envelope: envelope(nil), replicas: 4}
	obs := s.see(460)
	if n, reason := s.envelope.Instead(obs, 4); n != 10 || reason.Code == "" {
		t.Errorf("got %d (%s), want the expert's 10", n, reason)
	}
}

// A rate that comes late changes nothing in the end: until then the interval
// counts at its worst.
func TestALateRateIsMadeUpFor(t *testing.T) {
	const late = 3
	onTime, delayed := &obeyed{t: t, envelope: envelope(nil), replicas: 10}, &obeyed{t: t, envelope: envelope(nil), replicas: 10}
	var points []series.Point
	for k := range 40 {
		obs := onTime.see(460)
		points = append(points, obs.Signals[0].Points...)
		obs.Signals[0].Points = points
		n, reason := onTime.envelope.Limit(obs, 10)
		onTime.apply(obs, n, reason)

		obs = delayed.see(460)
		obs.Signals[0].Points = points[:len(points)-min(k, late)]
		n, reason = delayed.envelope.Limit(obs, 10)
		delayed.apply(obs, n, reason)
	}
	// With the expert's count the worst of an interval is that nothing violated,
	// and the surcharge on violations is missing. It is there once they are known.
	was, is := onTime.envelope.Credit(), delayed.envelope.Credit()
	if !(is < was) {
		t.Errorf("with rates that come late %v saved, on time %v: want less until they are known", is, was)
	}
	points = append(points, onTime.see(460).Signals[0].Points...)
	for _, s := range []*obeyed{onTime, delayed} {
		obs := s.see(460)
		obs.At, obs.Signals[0].Points = points[len(points)-1].At, points
		s.envelope.Limit(obs, 10)
	}
	if was, is = onTime.envelope.Credit(), delayed.envelope.Credit(); math.Abs(is-was) > 1e-9*was {
		t.Errorf("when all are known %v saved, on time %v", is, was)
	}
}

// Somebody else's change is nobody's merit and nobody's fault.
func TestOutsideChangesBeginTheAccountsAnew(t *testing.T) {
	s := &obeyed{t: t, envelope: envelope(nil), replicas: 10}
	for range 40 {
		s.want(460, 10)
	}
	began := s.envelope.Began()
	s.replicas = 25
	s.want(460, 25)
	if !s.envelope.Began().After(began) || s.envelope.Credit() != 0 || s.replicas != 12 {
		t.Errorf("began at %v with %v saved and %d admitted; want anew, with nothing, and 1.2 × 10", s.envelope.Began(), s.envelope.Credit(), s.replicas)
	}
}

func TestHeldBackForLongIsACondition(t *testing.T) {
	s := &obeyed{t: t, envelope: envelope(nil), replicas: 10}
	for k := range 200 {
		s.want(460, 40)
		_, reason, holds := s.envelope.Condition(scale.Observation{At: scaletest.At(s.at)})
		if long := s.at > 15*sync+10*time.Minute; long && !holds || k < 38 && holds {
			t.Fatalf("%v: %v (%s)", s.at, holds, reason)
		}
	}
	s.want(460, 10)
	if _, _, holds := s.envelope.Condition(scale.Observation{At: scaletest.At(s.at)}); holds {
		t.Error("still held back, though it is not")
	}
}

func TestASnapshotOfOtherRulesIsRefused(t *testing.T) {
	data, err := envelope(nil).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	with := envelope(func(c *guard.EnvelopeConfig) { c.Safety = []guard.Guard{guard.Health{}} })
	if err := with.Restore(data); err == nil || !strings.Contains(err.Error(), "0 rules in the snapshot, want 1") {
		t.Errorf("got %v", err)
	}
}

func TestLimitDoesNotAllocate(t *testing.T) {
	e, step := busy()
	for range 300 {
		step()
	}
	if n := testing.AllocsPerRun(300, step); n != 0 {
		t.Errorf("Limit allocates %v times in steady state, want 0 (credit %v)", n, e.Credit())
	}
}

func BenchmarkEnvelopeLimit(b *testing.B) {
	_, step := busy()
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

// busy is an envelope that has to search at every step.
func busy() (*guard.Envelope, func()) {
	e := envelope(func(c *guard.EnvelopeConfig) { c.Max = 100 })
	obs, k := scaletest.Observation(sync, 40, scaletest.Fresh(scale.RequestRate, scaletest.At(sync), 700)), 0
	return e, func() {
		k++
		obs.At = obs.At.Add(sync)
		obs.Signals[0].Points[0].At = obs.At
		obs.Signals[0].Points[0].Value = 2000 + 500*float64(k%7)
		n, _ := e.Limit(obs, []int{100, 0, 60}[k%3])
		e.Applied(obs.At, obs.CurrentReplicas, n)
		obs.CurrentReplicas = n
	}
}

// diary is an expert that notes what it is shown and told.
type diary struct {
	tracker
	saw  []int
	told []int
}

func (d *diary) Decide(obs scale.Observation) scale.Decision {
	d.saw = append(d.saw, obs.CurrentReplicas)
	return d.tracker.Decide(obs)
}
func (d *diary) Applied(_ time.Time, from, to int) { d.told = append(d.told, from, to) }

// The expert goes its own way: it sees the counts it decided, and hears that
// they were carried out, whatever is really there.
func TestTheExpertLivesOnItsOwnCounts(t *testing.T) {
	x := &diary{}
	s := &obeyed{t: t, envelope: envelope(func(c *guard.EnvelopeConfig) { c.Expert = x }), replicas: 10}
	s.want(460, 10)
	for range 30 {
		s.want(460, 11)
	}
	s.want(560, 11)
	s.want(560, 11)
	if s.replicas != 11 || !slices.Equal(x.saw[29:], []int{10, 10, 10, 12}) || !slices.Equal(x.told, []int{10, 12}) {
		t.Errorf("%d replicas; the expert saw %v and was told %v, want 10 until it decided 12", s.replicas, x.saw[29:], x.told)
	}
}

// A rule behind the envelope may allow less: that is no change from outside.
func TestARuleBehindMayCutTheAnswer(t *testing.T) {
	s := &obeyed{t: t, envelope: envelope(nil), replicas: 10}
	for range 40 {
		s.want(460, 10)
	}
	began := s.envelope.Began()
	obs := s.see(460)
	if n, reason := s.envelope.Limit(obs, 15); n != 15 {
		t.Fatalf("got %d (%s)", n, reason)
	}
	s.apply(obs, 13, scale.Reason{}) // a budget
	s.want(460, 13)
	if !s.envelope.Began().Equal(began) {
		t.Error("the accounts began anew")
	}
}

// A target that adds one replica after the other, or of which a part fails, has
// carried out half of an order: that is charged, and the accounts go on.
func TestAnOrderHalfCarriedOutIsCharged(t *testing.T) {
	for name, tc := range map[string]struct {
		cut   int // by a rule behind; 0: not
		there int
		anew  bool
	}{
		"the first of five":             {there: 11},
		"the fourth of five":            {there: 14},
		"one more than ordered":         {there: 16, anew: true},
		"one is taken away instead":     {there: 9, anew: true},
		"half of what a budget allowed": {cut: 13, there: 12},
		"more than a budget allowed":    {cut: 12, there: 13, anew: true},
	} {
		s := &obeyed{t: t, envelope: envelope(nil), replicas: 10}
		for range 40 {
			s.want(460, 10)
		}
		began := s.envelope.Began()
		s.expect(460, 15, 15, "")
		if tc.cut > 0 {
			s.envelope.Applied(scaletest.At(s.at), 10, tc.cut)
		}
		own, _ := s.envelope.Costs()
		s.replicas = tc.there
		s.want(460, 15)
		if got := !s.envelope.Began().Equal(began); got != tc.anew {
			t.Errorf("%s: anew is %v, want %v", name, got, tc.anew)
		}
		added, replicas := 30*float64(tc.there-10), 15*float64(tc.there)
		if now, _ := s.envelope.Costs(); !tc.anew && !(now-own >= added+replicas && now-own < added+replicas+15) {
			t.Errorf("%s: charged %v, want %v for the starts and %v for the replicas, and few violations", name, now-own, added, replicas)
		}
	}
}

// Nobody knows what happened in a gap longer than two decisions.
func TestAGapBeginsTheAccountsAnew(t *testing.T) {
	for later, anew := range map[time.Duration]bool{sync: false, 2 * sync: false, 2*sync + time.Second: true, -time.Second: true} {
		s := &obeyed{t: t, envelope: envelope(nil), replicas: 10}
		for range 40 {
			s.want(460, 10)
		}
		began := s.envelope.Began()
		s.at += later - sync
		s.want(460, 10)
		if got := !s.envelope.Began().Equal(began); got != anew {
			t.Errorf("%v later: anew is %v, want %v", later, got, anew)
		}
	}
}

// An hour is 59 to 60 minutes: never more than was promised.
func TestAnHourIsNeverLongerThanAnHour(t *testing.T) {
	var hour guard.LastHour
	at := scaletest.At(0)
	until := func(later time.Duration, least, most float64) {
		t.Helper()
		if got := hour.Until(at.Add(later)); got < least || got > most {
			t.Errorf("%v after %v: got %v, want %v to %v", later, at.Sub(scaletest.At(0)), got, least, most)
		}
	}
	for range 12 * 60 { // an amount every 15 s, for three hours
		at = at.Add(sync)
		hour.Add(at, 1)
		passed := at.Sub(scaletest.At(0)).Seconds() / 15
		until(0, min(passed, 4*59), min(passed, 4*60))
	}
	until(30*time.Minute, 4*29, 4*30)
	until(2*time.Hour, 0, 0)
	at = at.Add(50 * time.Minute)
	hour.Add(at, 1)
	until(0, 4*9, 4*10+1)
	at = at.Add(-100 * time.Hour)
	hour.Add(at, 1)
	until(0, 1, 1)
}
