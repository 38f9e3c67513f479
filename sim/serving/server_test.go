package serving_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/sim/serving"
	"github.com/google/go-cmp/cmp"
)

// small is a server whose times are easy to add up: 10 ms an iteration, 1 ms a
// sequence, 1 ms a prompt token, 1 µs a cached token, 8 tokens an iteration.
func small() serving.Model {
	return serving.Model{
		MaxBatch: 4, Budget: 8, Cache: 100,
		Iteration: 10 * time.Millisecond, PerSequence: time.Millisecond, PerPrompt: time.Millisecond, PerCached: time.Microsecond,
		CPUPerIteration: time.Millisecond, CPUPerSequence: 100 * time.Microsecond,
	}
}

// event is a first or a last token.
type event struct {
	At      time.Duration
	Request int32
	Last    bool
}

// play adds requests at their times (at ends of iterations) and returns what came out.
func play(t *testing.T, s *serving.Server, arrivals map[int32]serving.Request) []event {
	t.Helper()
	var events []event
	now, left := time.Duration(0), len(arrivals)
	arrive := func() {
		for id := int32(0); int(id) < len(arrivals); id++ {
			if q, is := arrivals[id]; is && q.At <= now && q.Output > 0 {
				s.Add(id, q.Prompt, q.Output)
				q.Output = 0
				arrivals[id] = q
			}
		}
	}
	for n := 0; left > 0; n++ {
		if n > 1_000_000 {
			t.Fatal("it does not end")
		}
		arrive()
		took, busy := s.Begin()
		if !busy {
			now += time.Millisecond
			continue
		}
		now += took
		first, done := s.End()
		for _, id := range first {
			events = append(events, event{now, id, false})
		}
		for _, id := range done {
			events = append(events, event{now, id, true})
			left--
		}
	}
	return events
}

// 10 prompt tokens are a chunk of 8 and one of 2: 18 and 12 ms. Then come two
// tokens more with 10 and 11 tokens in memory: 11.010 and 11.011 ms.
func TestOneRequestByHand(t *testing.T) {
	m := small()
	s := serving.NewServer(&m)
	got := play(t, s, map[int32]serving.Request{0: {Prompt: 10, Output: 3}})
	want := []event{{30 * time.Millisecond, 0, false}, {52021 * time.Microsecond, 0, true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := s.Totals(), (serving.Totals{Iterations: 4, Generated: 3, Prompt: 10, Busy: 52021 * time.Microsecond, CPU: 4400 * time.Microsecond}); got != want {
		t.Errorf("totals: got %+v, want %+v", got, want)
	}
}

// The second prompt of 9 is worked on beside the first sequence, which generates:
// that takes one token of the budget of 8, so its chunks are 7 and 2 tokens.
//
//	0–14   4 prompt tokens of 0                    first token of 0
//	14–32.004   0 generates (4 cached), 7 of 1
//	–45.009     0 generates (5 cached), 2 of 1     first token of 1
//	–57.024     both generate (6 + 9 cached)       both done
func TestPromptsShareTheIterationWithThoseThatGenerate(t *testing.T) {
	m := small()
	got := play(t, serving.NewServer(&m), map[int32]serving.Request{0: {Prompt: 4, Output: 4}, 1: {At: time.Millisecond, Prompt: 9, Output: 2}})
	want := []event{
		{14 * time.Millisecond, 0, false}, {45009 * time.Microsecond, 1, false},
		{57024 * time.Microsecond, 0, true}, {57024 * time.Microsecond, 1, true},
	}
	slices.SortFunc(got[2:], func(a, b event) int { return int(a.Request - b.Request) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Two sequences of 16 tokens in the end do not fit into 20: once both have 10 in
// memory the second goes back, its prompt and the two tokens it has are computed
// again, and nothing is lost.
func TestAFullMemorySendsTheLastBack(t *testing.T) {
	m := small()
	m.Cache = 20
	s := serving.NewServer(&m)
	got := play(t, s, map[int32]serving.Request{0: {Prompt: 8, Output: 8}, 1: {Prompt: 8, Output: 8}})
	order := ""
	for _, e := range got {
		order += string(rune('0'+e.Request)) + map[bool]string{false: "f", true: "d"}[e.Last] + " "
	}
	if order != "0f 1f 0d 1d " {
		t.Errorf("first tokens and ends came as %q, want one first token each and 0 before 1", order)
	}
	total := s.Totals()
	if total.Generated != 16 || total.Preempted != 1 || total.Prompt != 16+8+2 {
		t.Errorf("got %+v: want 16 tokens, one going back with 2 tokens, and 8 + 2 tokens computed again", total)
	}
	if s.Usage() != 0 || s.Running() != 0 || s.Waiting() != 0 {
		t.Errorf("left: %v of the memory, %d running, %d waiting", s.Usage(), s.Running(), s.Waiting())
	}
}

// Whatever comes: each request has one first token and one end, in that order,
// exactly the tokens that were asked for, and the memory is empty in the end and
// never more than full.
func TestNothingIsLost(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 0))
		m := small()
		m.MaxBatch = 1 + rng.IntN(12)
		m.Budget = m.MaxBatch + 1 + rng.IntN(20)
		m.Cache, m.Watermark = 60+rng.IntN(100), float64(rng.IntN(2))*0.05
		s, asked, arrivals := serving.NewServer(&m), int64(0), map[int32]serving.Request{}
		for id := range int32(200) {
			q := serving.Request{At: time.Duration(rng.IntN(4000)) * time.Millisecond, Prompt: 1 + rng.IntN(30), Output: 1 + rng.IntN(30)}
			arrivals[id], asked = q, asked+int64(q.Output)
		}
		seen := map[int32]int{}
		for _, e := range play(t, s, arrivals) {
			if seen[e.Request]++; (seen[e.Request] == 2) != e.Last {
				t.Fatalf("seed %d: request %d: first and last token out of order", seed, e.Request)
			}
			if u := s.Usage(); u > 1 {
				t.Fatalf("seed %d: %v of the memory in use", seed, u)
			}
		}
		if got := s.Totals().Generated; got != asked || s.Usage() != 0 || len(seen) != 200 {
			t.Errorf("seed %d: %d tokens of %d, %v of the memory left, %d requests", seed, got, asked, s.Usage(), len(seen))
		}
	}
}

func TestAloneIsTheFirstTokenOfAnIdleServer(t *testing.T) {
	m := small()
	for _, prompt := range []int{1, 8, 9, 40} {
		got := play(t, serving.NewServer(&m), map[int32]serving.Request{0: {Prompt: prompt, Output: 1}})
		if got[0].At != m.Alone(prompt) {
			t.Errorf("prompt of %d: first token after %v, Alone says %v", prompt, got[0].At, m.Alone(prompt))
		}
	}
}

func TestWhatIsLostIsToldOnce(t *testing.T) {
	m := small()
	s := serving.NewServer(&m)
	for id := range int32(9) {
		s.Add(id, 3, 5)
	}
	s.Begin()
	s.End()
	lost := s.Lose()
	slices.Sort(lost)
	if diff := cmp.Diff([]int32{0, 1, 2, 3, 4, 5, 6, 7, 8}, lost); diff != "" || s.Waiting()+s.Running() != 0 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestModelsThatMakeNoSenseAreRefused(t *testing.T) {
	if err := serving.Default().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	m := serving.Model{Budget: 1, MaxBatch: 1, Watermark: 1}
	for _, want := range []string{"budget: must be above maxBatch", "cache: must be at least 1", "watermark: must be", "iteration: must be above 0"} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestRequestsFromAFile(t *testing.T) {
	got, err := serving.Read(strings.NewReader("t_seconds,input_tokens,output_tokens\n0.000,4808,10\n0.052,3180,8\n"))
	want := []serving.Request{{0, 4808, 10}, {52 * time.Millisecond, 3180, 8}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for text, want := range map[string]string{
		"":                                       "line 1",
		"t_seconds,requests_per_second\n0,1":     "line 1: must be",
		"t_seconds,input_tokens,output_tokens\n": "no request",
		"t_seconds,input_tokens,output_tokens\n1,2":            "line 2: 2 fields",
		"t_seconds,input_tokens,output_tokens\n2,1,1\n1,1,1":   "line 3: 1 s comes before",
		"t_seconds,input_tokens,output_tokens\nNaN,1,1":        "t_seconds",
		"t_seconds,input_tokens,output_tokens\n1,-1,1":         "input_tokens",
		"t_seconds,input_tokens,output_tokens\n1,1,9999999999": "output_tokens",
	} {
		if _, err := serving.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("t_seconds,input_tokens,output_tokens\n0.000,4808,10\n0.052,3180,8\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := serving.Read(strings.NewReader(text))
		for i, q := range all {
			if err != nil || q.Prompt < 0 || q.Output < 0 || i > 0 && q.At < all[i-1].At {
				t.Fatalf("%q: request %d: %+v, %v", text, i, q, err)
			}
		}
	})
}

// An iteration of a batch of 100 that nobody joins or leaves.
func BenchmarkIteration(b *testing.B) {
	m := serving.Default()
	m.Cache = 1 << 40
	s := serving.NewServer(&m)
	for id := range int32(100) {
		s.Add(id, 100, 1<<30)
	}
	for range 200 {
		s.Begin()
		s.End()
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Begin()
		s.End()
	}
}
