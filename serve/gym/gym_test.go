package gym_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/rltest"
	"github.com/flyball-io/flyball/serve/gym"
)

// cartPole is Gymnasium's own, whose dynamics are known.
func cartPole() gym.Environment {
	return gym.Environment{Name: "cartpole", Make: func(_ context.Context, copies int, seed uint64, options json.RawMessage) (rl.Environment, error) {
		if string(options) == `"refuse"` {
			return nil, errors.New("no such options")
		}
		env := rl.Environment(rltest.NewCartPole(copies, seed))
		if string(options) == `"panic"` {
			env = fragile{env}
		}
		return env, nil
	}}
}

// fragile fails when it is asked to do anything.
type fragile struct{ rl.Environment }

func (fragile) Act([]int, *rl.Step) { panic("broken pole") }

// serve serves CartPole until the test ends, and returns where.
func serve(t *testing.T, change func(*gym.Options)) string {
	t.Helper()
	o := gym.Options{Environments: []gym.Environment{cartPole()}, Connections: 4, MostCopies: 64, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- gym.New(o).Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return l.Addr().String()
}

// client speaks the protocol by hand.
type client struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) send(kind byte, payload []byte) {
	c.t.Helper()
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)+1))
	if _, err := c.conn.Write(append(append(head, kind), payload...)); err != nil {
		c.t.Fatal(err)
	}
}

// receive returns the next frame; kind 0 when there is none any more.
func (c *client) receive() (kind byte, payload []byte) {
	c.t.Helper()
	var head [5]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil
	}
	payload = make([]byte, binary.LittleEndian.Uint32(head[:])-1)
	if _, err := io.ReadFull(c.r, payload); err != nil {
		c.t.Fatal(err)
	}
	return head[4], payload
}

// open asks for copies and returns what is said of them.
func (c *client) open(copies int, seed uint64) gym.Welcome {
	c.t.Helper()
	c.send('o', fmt.Appendf(nil, `{"version":1,"environment":"cartpole","copies":%d,"seed":%d}`, copies, seed))
	kind, payload := c.receive()
	var w gym.Welcome
	if err := json.Unmarshal(payload, &w); kind != 'w' || err != nil {
		c.t.Fatalf("got %q %s, %v, want a welcome", kind, payload, err)
	}
	return w
}

// steps asks for something and returns the steps that come back.
func (c *client) steps(like rl.Environment, kind byte, payload []byte) []*rl.Step {
	c.t.Helper()
	c.send(kind, payload)
	got, data := c.receive()
	if got != 's' {
		c.t.Fatalf("got %q %s, want steps", got, data)
	}
	var all []*rl.Step
	for len(data) > 0 {
		s := rl.NewStep(like)
		for _, numbers := range [][]float32{s.Observations, s.Final, s.Rewards} {
			for i := range numbers {
				numbers[i] = math.Float32frombits(binary.LittleEndian.Uint32(data))
				data = data[4:]
			}
		}
		for _, flags := range [][]bool{s.Terminated, s.Truncated, s.Allowed} {
			for i := range flags {
				flags[i] = data[0] == 1
				data = data[1:]
			}
		}
		all = append(all, s)
	}
	return all
}

// refused asks for something and returns why it is refused.
func (c *client) refused(kind byte, payload []byte) string {
	c.t.Helper()
	c.send(kind, payload)
	got, data := c.receive()
	var fault struct{ Error string }
	if err := json.Unmarshal(data, &fault); got != 'e' || err != nil {
		c.t.Fatalf("got %q %s, %v, want a refusal", got, data, err)
	}
	return fault.Error
}

func actions(numbers ...int) []byte {
	var out []byte
	for _, n := range numbers {
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	return out
}

// What comes over the network is what the environment itself does, step by step
// and many in a round trip, ends of episodes included.
func TestStepsAreThoseOfTheEnvironment(t *testing.T) {
	const copies, rounds = 3, 60
	c, own := dial(t, serve(t, nil)), rltest.NewCartPole(copies, 5)
	if w := c.open(copies, 5); w.Width != 4 || w.Actions != 2 || w.Copies != copies || w.Low != nil || w.MostRounds < rounds {
		t.Fatalf("welcome %+v, want 3 copies of 4 numbers and 2 actions", w)
	}
	want := rl.NewStep(own)
	own.Reset(want)
	if diff := cmp.Diff(want, c.steps(own, 'r', nil)[0]); diff != "" {
		t.Fatalf("reset (-want +got):\n%s", diff)
	}
	var all []int
	for n := range rounds * copies {
		all = append(all, n%2*(n/7%2))
	}
	got := c.steps(own, 'a', actions(all[:copies]...))
	got = append(got, c.steps(own, 'a', actions(all[copies:]...))...)
	if len(got) != rounds {
		t.Fatalf("%d steps, want %d", len(got), rounds)
	}
	ends := 0
	for i, step := range got {
		own.Act(all[i*copies:][:copies], want)
		if diff := cmp.Diff(want, step); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", i, diff)
		}
		for _, ended := range step.Terminated {
			if ended {
				ends++
			}
		}
	}
	if ends == 0 {
		t.Error("no episode ended: that was not compared")
	}
}

// A reset with a seed is as if just opened with it.
func TestAResetWithASeed(t *testing.T) {
	c, like := dial(t, serve(t, nil)), rltest.NewCartPole(2, 0)
	c.open(2, 5)
	first := c.steps(like, 'r', nil)[0]
	c.steps(like, 'a', actions(1, 0))
	again := c.steps(like, 'r', binary.LittleEndian.AppendUint64(nil, 5))[0]
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same seed (-want +got):\n%s", diff)
	}
	other := c.steps(like, 'r', nil)[0]
	if cmp.Equal(first.Observations, other.Observations) {
		t.Error("without a seed the same episode begins again")
	}
}

// What is wrong is said, nothing is done, and the session goes on.
func TestWhatIsRefusedInASession(t *testing.T) {
	c, like := dial(t, serve(t, nil)), rltest.NewCartPole(2, 1)
	c.open(2, 1)
	for _, tc := range []struct {
		kind    byte
		payload []byte
		want    string
	}{
		{'a', actions(0, 0), "there must be a reset first"},
		{'r', []byte{1, 2, 3}, "a seed of 8 bytes, got 3"},
	} {
		if got := c.refused(tc.kind, tc.payload); !strings.Contains(got, tc.want) {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
	first := c.steps(like, 'r', nil)[0]
	for _, tc := range []struct {
		payload []byte
		want    string
	}{
		{nil, "got 0 bytes"},
		{actions(0), "for each of 2 copies"},
		{actions(0, 2), "copy 1: must be 0 to 1, got 2"},
		{actions(0, 0, -1, 0), "copy 0: must be 0 to 1, got -1"},
	} {
		if got := c.refused('a', tc.payload); !strings.Contains(got, tc.want) {
			t.Errorf("%v: got %q, want %q", tc.payload, got, tc.want)
		}
	}
	own := rltest.NewCartPole(2, 1)
	own.Reset(first)
	own.Act([]int{1, 0}, first)
	if diff := cmp.Diff(first, c.steps(like, 'a', actions(1, 0))[0]); diff != "" {
		t.Errorf("something was done before (-want +got):\n%s", diff)
	}
}

// Whoever does not know the protocol is told so, and the connection ends.
func TestWhoIsSentAway(t *testing.T) {
	address := serve(t, nil)
	for name, tc := range map[string]struct {
		kind    byte
		payload string
		want    string
	}{
		"another protocol":  {'G', "ET / HTTP/1.1", "first frame must be of kind"},
		"no JSON":           {'o', "hello", "open: "},
		"an unknown field":  {'o', `{"version":1,"copies":1,"speed":2}`, `unknown field "speed"`},
		"another version":   {'o', `{"version":2,"copies":1}`, "version: must be 1, got 2"},
		"no copies":         {'o', `{"version":1}`, "copies: must be 1 to 64, the --max-copies of this flyball gym, got 0"},
		"too many copies":   {'o', `{"version":1,"copies":65}`, "copies: must be 1 to 64, the --max-copies of this flyball gym, got 65"},
		"nobody's":          {'o', `{"version":1,"copies":1,"environment":"pong"}`, `must be one of [cartpole], got "pong"`},
		"refused options":   {'o', `{"version":1,"copies":1,"options":"refuse"}`, "cartpole: no such options"},
		"a seed that is no": {'o', `{"version":1,"copies":1,"seed":-1}`, "open: "},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, address)
			if got := c.refused(tc.kind, []byte(tc.payload)); !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if kind, _ := c.receive(); kind != 0 {
				t.Errorf("after that: a frame of kind %q, want the end", kind)
			}
		})
	}
	for name, bytes := range map[string][]byte{"nothing in it": {0, 0, 0, 0, 0}, "endless": {255, 255, 255, 255, 'o'}} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, address)
			if _, err := c.conn.Write(bytes); err != nil {
				t.Fatal(err)
			}
			if kind, data := c.receive(); kind != 'e' || !strings.Contains(string(data), "a frame may have 1 to") {
				t.Errorf("got %q %s, want that there is no such frame", kind, data)
			}
		})
	}
	c := dial(t, address)
	c.open(1, 1)
	if got := c.refused('x', nil); !strings.Contains(got, "a frame must be of kind") {
		t.Errorf("got %q, want that there is no such kind", got)
	}
}

// Two clients have an environment each.
func TestTwoClientsDoNotMeet(t *testing.T) {
	address, like := serve(t, nil), rltest.NewCartPole(1, 1)
	a, b := dial(t, address), dial(t, address)
	a.open(1, 1)
	b.open(1, 1)
	first := a.steps(like, 'r', nil)[0]
	if diff := cmp.Diff(first, b.steps(like, 'r', nil)[0]); diff != "" {
		t.Errorf("the same seed (-want +got):\n%s", diff)
	}
	for range 5 {
		a.steps(like, 'a', actions(1))
	}
	own := rltest.NewCartPole(1, 1)
	own.Reset(first)
	own.Act([]int{0}, first)
	if diff := cmp.Diff(first, b.steps(like, 'a', actions(0))[0]); diff != "" {
		t.Errorf("what one did reached the other (-want +got):\n%s", diff)
	}
}

// Whoever goes without a word, in the middle of a frame too, leaves room.
func TestWhoGoesLeavesRoom(t *testing.T) {
	address := serve(t, func(o *gym.Options) { o.Connections = 1 })
	first := dial(t, address)
	first.open(1, 1)
	second := dial(t, address)
	if kind, data := second.receive(); kind != 'e' || !strings.Contains(string(data), "1 connections are open") {
		t.Fatalf("got %q %s, want that there is no room", kind, data)
	}
	if _, err := first.conn.Write([]byte{100, 0, 0, 0, 'a', 1, 2}); err != nil {
		t.Fatal(err)
	}
	_ = first.conn.Close()
	for began := time.Now(); ; {
		c := dial(t, address)
		c.send('o', []byte(`{"version":1,"copies":1}`))
		if kind, _ := c.receive(); kind == 'w' {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("there is no room although nobody is there")
		}
	}
}

func TestAnEnvironmentThatFailsEndsItsSessionAlone(t *testing.T) {
	address, like := serve(t, nil), rltest.NewCartPole(1, 1)
	other, c := dial(t, address), dial(t, address)
	other.open(1, 1)
	c.send('o', []byte(`{"version":1,"copies":1,"options":"panic"}`))
	if kind, data := c.receive(); kind != 'w' {
		t.Fatalf("got %q %s", kind, data)
	}
	c.steps(like, 'r', nil)
	if got := c.refused('a', actions(0)); !strings.Contains(got, "broken pole") {
		t.Errorf("got %q, want why it failed", got)
	}
	other.steps(like, 'r', nil)
}

// The end of the server ends clients that wait for nothing.
func TestTheEndOfTheServer(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- gym.New(gym.Options{Environments: []gym.Environment{cartPole()}, Connections: 4, MostCopies: 64, Log: slog.New(slog.DiscardHandler)}).Serve(ctx, l)
	}()
	c := dial(t, l.Addr().String())
	c.open(1, 1)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if kind, _ := c.receive(); kind != 0 {
		t.Errorf("got a frame of kind %q, want the end", kind)
	}
}

// The environment of scaling is served as it is.
func TestScalingIsServed(t *testing.T) {
	e := gym.Scaling()
	options := json.RawMessage(`{"workloads":2,"episode":20}`)
	own, err := e.Make(t.Context(), 2, 9, options)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, serve(t, func(o *gym.Options) { o.Environments = []gym.Environment{e} }))
	c.send('o', []byte(`{"version":1,"copies":2,"seed":9,"options":{"workloads":2,"episode":20}}`))
	kind, data := c.receive()
	var w gym.Welcome
	if err := json.Unmarshal(data, &w); kind != 'w' || err != nil {
		t.Fatalf("got %q %s, %v", kind, data, err)
	}
	if len(w.Observations) != w.Width || len(w.ActionNames) != w.Actions || *w.Low != -1 || *w.High != 2 || w.ActionNames[3] != "× 1" {
		t.Errorf("welcome %+v, want a name for each number and action, and bounds", w)
	}
	if want := `{"schema":1,"actions":[0.7,0.8,0.9,1,1.1,1.25,1.5,2]}`; string(w.Model) != want {
		t.Errorf("a model must say %s, want %s", w.Model, want)
	}
	want := rl.NewStep(own)
	own.Reset(want)
	got := c.steps(own, 'r', nil)[0]
	for round := range 25 {
		if diff := cmp.Diff(want.Observations, got.Observations); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
		for _, x := range got.Observations {
			if x < *w.Low || x > *w.High {
				t.Fatalf("round %d: %v is out of bounds", round, x)
			}
		}
		own.Act([]int{round % 8, 3}, want)
		got = c.steps(own, 'a', actions(round%8, 3))[0]
	}
	for options, fault := range map[string]string{
		`{"workloads":0}`: "workloads: must be 1 to 2000", `{"families":["psychic"]}`: `"psychic" is not known`,
		`{"speed":1}`: `unknown field "speed"`, `{"heldOut":true,"families":["steady"]}`: "not both", `{"episode":1,"workloads":2}`: "episode: must be at least 2",
	} {
		if _, err := e.Make(t.Context(), 1, 1, json.RawMessage(options)); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: got %v, want %q", options, err, fault)
		}
	}
}

func TestCartPoleIsServed(t *testing.T) {
	e := gym.CartPole()
	own, err := e.Make(t.Context(), 3, 9, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, serve(t, func(o *gym.Options) { o.Environments = []gym.Environment{gym.Scaling(), e} }))
	if w := c.open(3, 9); w.Width != 4 || w.Actions != 2 || len(w.Observations) != 4 || w.Low != nil || w.Model != nil {
		t.Fatalf("welcome %+v, want 4 named numbers without bounds, 2 actions and no model", w)
	}
	want := rl.NewStep(own)
	own.Reset(want)
	got := c.steps(own, 'r', nil)[0]
	for range 60 { // always to the right: the pole falls
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		own.Act([]int{1, 1, 1}, want)
		got = c.steps(own, 'a', actions(1, 1, 1))[0]
	}
	if _, err := e.Make(t.Context(), 1, 1, json.RawMessage(`{"gravity":1}`)); err == nil || err.Error() != "options: it has none" {
		t.Errorf("with options: %v", err)
	}
}

// More copies than one frame of answers holds are refused before they are made.
func TestMoreCopiesThanAFrameHolds(t *testing.T) {
	made, pole := 0, cartPole()
	counted := pole
	counted.Make = func(ctx context.Context, copies int, seed uint64, options json.RawMessage) (rl.Environment, error) {
		made = max(made, copies)
		return pole.Make(ctx, copies, seed, options)
	}
	most := gym.CopiesInFrame(4, 2)
	c := dial(t, serve(t, func(o *gym.Options) { o.Environments, o.MostCopies = []gym.Environment{counted}, most+5 }))
	want := fmt.Sprintf("copies: must be 1 to %d: a step of more does not fit into a frame of 64 MiB, got %d", most, most+1)
	if got := c.refused('o', fmt.Appendf(nil, `{"version":1,"copies":%d}`, most+1)); !strings.Contains(got, want) || made > 1 {
		t.Errorf("got %q after %d copies were made, want %q and one", got, made, want)
	}
}
