package reading

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

func at(second int) time.Time { return time.Unix(1_800_000_000+int64(second), 0) }

// of is a reading of one part.
func of(second int, name string, fill func(Part)) Reading {
	p := NewPart(name)
	fill(p)
	return Reading{At: at(second), Parts: []Part{p}}
}

func counted(second int, n float64) Reading {
	return of(second, "m", func(p Part) { p.Counts[Count{Tokens, Generated}] = n })
}

func TestRatesAreOverTheWindow(t *testing.T) {
	h := &History{Window: 20 * time.Second}
	rate := Signal{Rate: Count{Name: Tokens}}
	if m := h.Measure(rate, ""); m.Known {
		t.Errorf("nothing was read, got %+v", m)
	}
	for i, c := range []struct {
		second      int
		count, want float64
		known       bool
		why         string
	}{
		{0, 5000, 0, false, "one reading is no rate, and no zero"},
		{10, 5100, 10, true, "100 in 10 s"},
		{20, 5400, 20, true, "400 in 20 s"},
		{30, 5400, 15, true, "300 of the last 20 s"},
		{40, 60, 3, true, "begun anew at 0: 60 in 20 s"},
		{100, 660, 10, true, "two readings further apart than the window: 600 in 60 s"},
	} {
		h.Add(counted(c.second, c.count))
		if m := h.Measure(rate, ""); m.Known != c.known || m.Value != c.want {
			t.Errorf("step %d: got %v (known %v), want %v: %s", i, m.Value, m.Known, c.want, c.why)
		}
	}
	h.Add(counted(90, 1e9))
	if m := h.Measure(rate, ""); m.Value != 10 {
		t.Errorf("a reading that is older than the last was taken: %v", m.Value)
	}
	if m := h.Measure(Signal{Rate: Count{Tokens, Prompt}}, ""); m.Known {
		t.Errorf("a kind that is not told has a rate: %+v", m)
	}
}

func TestQuantilesAndDistributions(t *testing.T) {
	h := &History{Window: time.Minute}
	took := func(second int, fast, slow, more uint64) Reading {
		return of(second, "m", func(p Part) {
			p.Durations[TimeToFirstToken] = Histogram{Buckets: map[float64]uint64{1: fast, 2: fast + slow}, Count: fast + slow + more}
		})
	}
	ttft := Signal{Duration: TimeToFirstToken}
	h.Add(took(0, 1000, 0, 0))
	h.Add(took(10, 1000, 0, 0))
	if m := h.Measure(ttft, ""); m.Known || !m.Idle {
		t.Errorf("nothing happened: got %+v, want it known to be idle", m)
	}
	h.Add(took(20, 1080, 20, 0))
	m := h.Measure(ttft, "")
	if !m.Known || math.Abs(m.Value-1.75) > 1e-9 {
		t.Errorf("the 95th of 80 below 1 s and 20 below 2 s: got %v, want 1.75", m.Value)
	}
	if d := m.Distribution(); d.Count() != 100 || d.Quantile(0.5) > 1 {
		t.Errorf("distribution of %d with a median of %v, want 100 below 1", d.Count(), d.Quantile(0.5))
	}
	h.Add(took(30, 1080, 20, 900))
	if m := h.Measure(ttft, ""); m.Value != 2 {
		t.Errorf("beyond the last bound: got %v, want that bound", m.Value)
	}
}

func TestServersTogether(t *testing.T) {
	known := func(second int, v float64) Measured { return Measured{At: at(second), Value: v, Known: true} }
	for name, c := range map[string]struct {
		how  Combine
		all  []Measured
		want Measured
	}{
		"sum, as old as the oldest":    {Sum, []Measured{known(9, 3), known(2, 4)}, known(2, 7)},
		"mean":                         {Mean, []Measured{known(2, 0.2), known(2, 0.6)}, known(2, 0.4)},
		"max":                          {Max, []Measured{known(2, 5), known(2, 9)}, known(2, 9)},
		"one is not known, so no sum":  {Sum, []Measured{known(2, 5), {At: at(2)}}, Measured{}},
		"none is no zero":              {Sum, nil, Measured{}},
		"idle beside one that is busy": {Sum, []Measured{{At: at(2), Known: true, buckets: map[float64]float64{1: 10}}, {At: at(2), Idle: true, buckets: map[float64]float64{1: 0}}}, Measured{At: at(2), Known: true, Value: 0.95}},
	} {
		if got := c.how.Total(c.all); got.Known != c.want.Known || math.Abs(got.Value-c.want.Value) > 1e-9 || (got.Known && !got.At.Equal(c.want.At)) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// What a server tells apart becomes labels, so there is an end to it.
func TestPartsAndKindsAreBounded(t *testing.T) {
	parts := map[string]Part{strings.Repeat("x", 129): NewPart("long"), "\xff": NewPart("broken")}
	for i := range 150 {
		name := fmt.Sprintf("m%03d", i)
		parts[name] = NewPart(name)
	}
	r := Bounded(at(0), parts)
	if len(r.Parts) != 100 || r.LeftOut != 52 || r.Parts[0].Name != "m000" || r.Parts[99].Name != "m099" {
		t.Errorf("kept %d, left out %d; want 100 and 52", len(r.Parts), r.LeftOut)
	}
	p := NewPart("m")
	for i := range 40 {
		p.Add(Count{Requests, fmt.Sprintf("kind%d", i)}, 1)
	}
	p.Add(Count{Requests, "with space"}, 2)
	total := 0.0
	for _, n := range p.Counts {
		total += n
	}
	if len(p.Counts) > 17 || total != 42 || p.Counts[Count{Requests, "other"}] != 26 {
		t.Errorf("%d kinds of %v requests, %v of them other; want at most 17, 42 and 26", len(p.Counts), total, p.Counts[Count{Requests, "other"}])
	}
}

// server is a Reader of what a test says.
type server struct {
	reading Reading
	err     error
}

func (s *server) Read(context.Context) (Reading, error) { return s.reading, s.err }
func (*server) Close()                                  {}

func TestWhatASourceSaysOfAServer(t *testing.T) {
	known := map[string]Signal{QueueDepth: {Value: QueueDepth}, CompletionRate: {Rate: Count{Name: Completed}}}
	waits := of(0, "mail", func(p Part) { p.Values[QueueDepth] = 7 })
	for name, c := range map[string]struct {
		wanted Wanted
		server server
		want   map[string]float64
		says   string
	}{
		"a value":                      {Wanted{Known: known, Signal: QueueDepth}, server{reading: waits}, map[string]float64{QueueDepth: 7}, ""},
		"under another name":           {Wanted{Known: known, Signal: "backlog", Measure: QueueDepth}, server{reading: waits}, map[string]float64{"backlog": 7}, ""},
		"an error is no zero":          {Wanted{Known: known, Signal: QueueDepth}, server{err: errors.New("refused")}, nil, "refused"},
		"what it does not tell":        {Wanted{Known: known, Signal: QueueDepth, Also: []string{CompletionRate}}, server{reading: waits}, map[string]float64{QueueDepth: 7}, "completionRate: the server does not tell it"},
		"another part":                 {Wanted{Known: known, Signal: QueueDepth, Part: "print"}, server{reading: waits}, nil, `has no "print"`},
		"too many parts for their sum": {Wanted{Known: known, Signal: QueueDepth}, server{reading: Reading{At: at(0), Parts: waits.Parts, LeftOut: 3}}, nil, "state which one"},
	} {
		s, err := Of(&c.server, c.wanted, source.Env{Clock: clock.System})
		if err != nil {
			t.Fatal(err)
		}
		samples, err := s.look(t.Context())
		got := map[string]float64{}
		for _, one := range samples {
			got[one.Signal] = one.Value
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
		if (c.says == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: got %v, want it to say %q", name, err, c.says)
		}
	}
}

// A replica that takes no work any more may fail; one that began between two
// readings has counted from its start.
func TestReplicasOfASource(t *testing.T) {
	servers := map[string]*server{}
	var all []scale.Replica
	add := func(id string, started int, n float64) {
		servers[id] = &server{reading: of(0, "m", func(p Part) { p.Counts[Count{Name: Completed}] = n })}
		all = append(all, scale.Replica{ID: id, Address: "x:1", Phase: scale.Running, StartedAt: at(started), Readiness: scale.Readiness{Known: true, Ready: true}})
	}
	now := at(0)
	env := source.Env{Clock: clockAt{&now}, Replicas: func(context.Context) ([]scale.Replica, error) { return all, nil }}
	s, err := OfReplicas(func(r scale.Replica) (Reader, error) { return servers[r.ID], nil },
		Wanted{Known: map[string]Signal{CompletionRate: {Rate: Count{Name: Completed}}}, Signal: CompletionRate, Window: time.Second}, env)
	if err != nil {
		t.Fatal(err)
	}
	look := func() (map[string]float64, error) {
		for _, one := range servers {
			one.reading.At = now
		}
		samples, err := s.look(t.Context())
		got := map[string]float64{}
		for _, one := range samples {
			got[one.Replica] = one.Value
		}
		now = now.Add(10 * time.Second)
		return got, err
	}
	add("a", -100, 500)
	if got, err := look(); len(got) != 0 || err != nil {
		t.Errorf("first reading: %v, %v; want nothing", got, err)
	}
	servers["a"].reading = of(0, "m", func(p Part) { p.Counts[Count{Name: Completed}] = 600 })
	add("b", 5, 50)
	if got, err := look(); err != nil || got["a"] != 10 || got["b"] != 10 || got[""] != 20 {
		t.Errorf("b did 50 in the 5 s since its start: %v, %v; want 10 each", got, err)
	}
	servers["b"].err = errors.New("ends")
	if got, err := look(); err == nil || len(got) != 1 {
		t.Errorf("b works and cannot be read: %v, %v; want a alone and a fault", got, err)
	}
	all[1].DeletedAt = now
	if got, err := look(); err != nil || got[""] != got["a"] {
		t.Errorf("b takes no more work: %v, %v; want a as the total", got, err)
	}
}

type clockAt struct{ now *time.Time }

func (c clockAt) Now() time.Time                     { return *c.now }
func (clockAt) After(time.Duration) <-chan time.Time { panic("not waited for") }
func (clockAt) NewTicker(time.Duration) *time.Ticker { panic("not waited for") }

// What comes is not counted: it goes out or stays. A task that is out of both
// lists for a moment makes the rate no larger.
func TestWhatComesIsWhatGoesAndWhatStays(t *testing.T) {
	arrivals := Signal{Rate: Count{Name: Arrived}, Balance: &Balance{Out: Count{Name: Completed}, Kept: []string{QueueDepth, InProgress}}}
	queue := func(second int, waiting, working, done float64) Reading {
		return of(second, "q", func(p Part) {
			p.Values[QueueDepth], p.Values[InProgress], p.Counts[Count{Name: Completed}] = waiting, working, done
		})
	}
	for _, c := range []struct {
		then, now Reading
		want      float64
		why       string
	}{
		{queue(0, 10, 2, 100), queue(10, 30, 4, 118), 4, "18 went, 22 more are there: 40 in 10 s"},
		{queue(0, 30, 4, 100), queue(10, 0, 0, 134), 0, "all that went was there before"},
		{queue(0, 5, 1, 100), queue(10, 5, 0, 100), 0, "one was taken out and is not counted yet"},
		{queue(0, 5, 1, 100), queue(10, 0, 0, 0), 0, "somebody cleared the queue and the counter"},
	} {
		h := &History{Window: time.Minute}
		h.Add(c.then)
		h.Add(c.now)
		if m := h.Measure(arrivals, ""); !m.Known || m.Value != c.want {
			t.Errorf("got %v (known %v), want %v: %s", m.Value, m.Known, c.want, c.why)
		}
	}
	h := &History{Window: time.Minute}
	for second := range 2 {
		h.Add(of(second, "q", func(p Part) { p.Values[QueueDepth] = 3 }))
	}
	if m := h.Measure(arrivals, ""); m.Known {
		t.Errorf("nobody counts what goes out: got %+v, want nothing", m)
	}
}

// Servers leave out buckets that add nothing, so bounds come and go.
func TestBucketsThatAreLeftOut(t *testing.T) {
	a := Histogram{Buckets: map[float64]uint64{1: 10, 10: 20}, Count: 20, Sum: 50}
	b := Histogram{Buckets: map[float64]uint64{5: 4}, Count: 6, Sum: 60}
	sum := a.Plus(b)
	if fmt.Sprint(sum.Buckets) != fmt.Sprint(map[float64]uint64{1: 10, 5: 14, 10: 24}) || sum.Count != 26 || sum.Sum != 110 {
		t.Errorf("got %+v", sum)
	}
	between := map[float64]float64{}
	sum.grownFrom(a, between)
	if between[1] != 0 || between[5] != 4 || between[10] != 0 || between[math.Inf(1)] != 2 {
		t.Errorf("grown by %v, want 4 up to 5 and 2 beyond", between)
	}
}

// What a counter has when it is told first was counted nobody knows when.
func TestACounterThatAppearsHasNotGrown(t *testing.T) {
	took := func(second int, tells bool, n uint64) Reading {
		return of(second, "m", func(p Part) {
			p.Values[QueueDepth] = 7
			if tells {
				p.Counts[Count{Completed, ""}] = float64(n)
				p.Durations[Latency] = Histogram{Buckets: map[float64]uint64{1: n}, Count: n}
			}
		})
	}
	signals := map[string]Signal{
		"rate": {Rate: Count{Name: Completed}}, "duration": {Duration: Latency},
		"balance": {Rate: Count{Name: Arrived}, Balance: &Balance{Out: Count{Name: Completed}, Kept: []string{QueueDepth}}},
	}
	h := &History{Window: time.Minute}
	h.Add(took(0, false, 0))
	h.Add(took(10, true, 200_000))
	for name, s := range signals {
		if m := h.Measure(s, ""); m.Known || m.Idle {
			t.Errorf("%s: 200,000 are told for the first time: got %+v, want that it is not known", name, m)
		}
	}
	h.Add(took(20, true, 200_040))
	if m := h.Measure(signals["rate"], ""); !m.Known || m.Value != 2 {
		t.Errorf("got %+v, want the 40 of 20 s", m)
	}
	if m := h.Measure(signals["duration"], ""); !m.Known || m.Distribution().Count() != 40 {
		t.Errorf("got %+v, want the 40 durations", m)
	}

	h = &History{Window: time.Minute}
	h.Add(Reading{At: at(0), Parts: []Part{NewPart("another")}})
	h.Add(took(10, true, 50))
	if m := h.Measure(signals["rate"], ""); !m.Known || m.Value != 5 {
		t.Errorf("a part that was not there has begun at 0: got %+v, want 5", m)
	}
	h.Add(of(20, "m", func(p Part) {
		p.Counts[Count{Completed, ""}] = 50
		p.Counts[Count{Completed, "error"}] = 10
	}))
	if m := h.Measure(signals["rate"], ""); m.Value != 3 {
		t.Errorf("a new kind of a counter has begun at 0: got %+v, want 60 in 20 s", m)
	}
}
