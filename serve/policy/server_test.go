package servepolicy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
	servepolicy "github.com/flyball-io/flyball/serve/policy"
	"github.com/flyball-io/flyball/web"
)

func plugin(t *testing.T, text string) scale.Plugin {
	t.Helper()
	var p scale.Plugin
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func served(t *testing.T, plugins *builtin.Registry, text string) *servepolicy.Served {
	t.Helper()
	s, err := servepolicy.NewServed(plugin(t, text), plugins)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newServer(t *testing.T, change func(*servepolicy.Options)) *servepolicy.Server {
	t.Helper()
	o := servepolicy.Options{Policy: served(t, builtin.New(), `{"predictive":{}}`), Parallel: 4, Clock: clock.System, Log: slog.New(slog.DiscardHandler), Version: "test"}
	if change != nil {
		change(&o)
	}
	s, err := servepolicy.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends a body and returns what comes back.
func ask(s http.Handler, body io.Reader, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/recommend", body)
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func question(obs scale.Observation) remote.Question {
	return remote.Question{Version: 1, Observation: obs, Bounds: remote.Bounds{Min: 1, Max: 20}, Sync: scale.Duration(15 * time.Second),
		Objective: &scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.99, Window: scale.Duration(time.Hour)}}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// steady are observations every 15 s of ten replicas under a load that rises.
func steady(n int) []scale.Observation {
	var all []scale.Observation
	for i := range n {
		at := time.Duration(i) * 15 * time.Second
		measured := func(name string, value float64) scale.Signal {
			s := scaletest.Fresh(name, scaletest.At(at), value)
			s.Window = 15 * time.Second
			return s
		}
		latency := measured(scale.Latency, 0.1)
		latency.Distribution = &series.Histogram{}
		for range 1000 {
			latency.Distribution.Add(0.08)
		}
		all = append(all, scaletest.Observation(at, 10, measured(scale.Concurrency, 12+0.4*float64(i)), latency, measured(scale.RequestRate, 150+5*float64(i))))
	}
	return all
}

// Several servers behind one address are one: each answers as a policy would that
// was asked everything itself, whoever answered before.
func TestEachOfSeveralServersAnswersAsOnePolicyWould(t *testing.T) {
	plugins := builtin.New()
	servers := []*servepolicy.Server{newServer(t, nil), newServer(t, nil), newServer(t, nil)}
	q := question(scale.Observation{})
	own, err := plugins.Policies.New(plugin(t, `{"predictive":{}}`), policy.Env{Target: "web", Min: 1, Max: 20, Sync: 15 * time.Second, Objective: q.Objective, Curves: plugins.Curves})
	if err != nil {
		t.Fatal(err)
	}
	opinions, last := 0, ""
	for i, obs := range steady(60) {
		want, wantErr := own.Recommend(obs)
		q.Observation = obs
		w := ask(servers[i%len(servers)], bytes.NewReader(mustJSON(t, q)), nil)
		got, err := remote.ReadAnswer(w.Body.Bytes(), &q)
		if err != nil || w.Code != http.StatusOK {
			t.Fatalf("observation %d: status %d, %v: %s", i, w.Code, err, w.Body)
		}
		if (wantErr != nil) != (got.Replicas == nil) {
			t.Fatalf("observation %d: got %+v, want %+v, %v", i, got, want, wantErr)
		}
		if wantErr == nil {
			opinions++
			if *got.Replicas != min(max(want.Replicas, 1), 20) || got.Reason != want.Reason.String() {
				t.Fatalf("observation %d: got %d (%s), want %d (%s)", i, *got.Replicas, got.Reason, want.Replicas, want.Reason)
			}
		}
		q.Memory, last = got.Memory, got.Reason
	}
	if opinions < 50 {
		t.Errorf("%d opinions of 60: nothing was compared; the last: %s", opinions, last)
	}
}

func TestAMemoryThatDoesNotFitBeginsAnew(t *testing.T) {
	s := newServer(t, nil)
	q := question(steady(1)[0])
	fresh := ask(s, bytes.NewReader(mustJSON(t, q)), nil).Body.String()
	q.Memory = []byte(`{"kind":"hpa","version":1,"state":{}}`)
	if w := ask(s, bytes.NewReader(mustJSON(t, q)), nil); w.Code != 200 || w.Body.String() != fresh {
		t.Errorf("got %d %s, want what a new policy says", w.Code, w.Body)
	}
	if got := metrics(s); !strings.Contains(got, "flyball_policy_forgotten_total 1\n") || !strings.Contains(got, `flyball_policy_info{policy="predictive",version="test"} 1`) {
		t.Errorf("the metrics do not tell: %s", got)
	}
}

func metrics(s http.Handler) string {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestQuestionsThatAreRefused(t *testing.T) {
	good := string(mustJSON(t, question(steady(1)[0])))
	for name, tc := range map[string]struct {
		body   string
		change func(*http.Request)
		status int
		want   string
	}{
		"nothing":         {"", nil, 400, "cannot be read"},
		"not JSON":        {"hello", nil, 400, "cannot be read"},
		"cut off":         {good[:100], nil, 400, "cannot be read"},
		"another version": {strings.Replace(good, `"version":1`, `"version":9`, 1), nil, 400, "version: must be 1, got 9"},
		"no bounds":       {strings.Replace(good, `"max":20`, `"max":0`, 1), nil, 400, "bounds: must be"},
		"a form":          {good, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "must be application/json"},
		"endless":         {`{"x":"` + strings.Repeat("a", 9<<20) + `"}`, nil, 413, "more than 8388608 bytes"},
		"another path":    {good, func(r *http.Request) { r.URL.Path = "/v2/recommend" }, 404, "/openapi.json"},
		"a bad bucket":    {strings.Replace(good, `"trust":"fresh"`, `"trust":"fresh","distribution":{"sum":1,"buckets":[[999999,1]]}`, 1), nil, 400, "bucket 999999"},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(newServer(t, nil), strings.NewReader(tc.body), tc.change)
			var fault struct{ Error string }
			if err := json.Unmarshal(w.Body.Bytes(), &fault); err != nil || w.Code != tc.status || !strings.Contains(fault.Error, tc.want) {
				t.Errorf("got %d %s, want %d %q", w.Code, w.Body, tc.status, tc.want)
			}
		})
	}
}

func TestATokenIsNeededWhereThereIsOne(t *testing.T) {
	s := newServer(t, func(o *servepolicy.Options) {
		o.Tokens = []web.Token{web.NewToken("ops", "0123456789abcdef"), web.NewToken("ci", "fedcba9876543210")}
	})
	body := mustJSON(t, question(steady(1)[0]))
	for header, want := range map[string]int{"": 401, "Bearer 0123456789abcdef": 200, "bearer fedcba9876543210": 200, "Bearer 0123456789abcdeF": 401, "Basic 0123456789abcdef": 401, "Bearer ": 401} {
		if w := ask(s, bytes.NewReader(body), func(r *http.Request) { r.Header.Set("Authorization", header) }); w.Code != want {
			t.Errorf("%q: got %d, want %d", header, w.Code, want)
		}
	}
	for path, want := range map[string]int{"/healthz": 200, "/openapi.json": 200, "/metrics": 401, "/v1/policy": 401} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s without a token: got %d, want %d", path, w.Code, want)
		}
	}
}

// What cannot be served is said before anybody asks.
func TestWhatCannotBeServed(t *testing.T) {
	for text, want := range map[string]string{
		`{"psychic":{}}`:                `unknown policy "psychic"`,
		`{"predictive":{"risk":-1}}`:    "risk: must be above 0",
		`{"predictive":{"riks":1}}`:     `unknown field "riks"`,
		`{"remote":{"url":"http://a"}}`: "cannot be served, for it asks http://a",
		`{"combine":{"max":[{"hpa":{}},{"remote":{"url":"http://b"}}]}}`: "cannot be served, for it asks http://b",
	} {
		if _, err := servepolicy.NewServed(plugin(t, text), builtin.New()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// A policy that needs an objective cannot answer without, and says so.
func TestAQuestionThatThePolicyCannotAnswer(t *testing.T) {
	s := newServer(t, func(o *servepolicy.Options) { o.Policy = served(t, builtin.New(), `{"lcp":{}}`) })
	q := question(steady(1)[0])
	q.Objective = nil
	if w := ask(s, bytes.NewReader(mustJSON(t, q)), nil); w.Code != 422 || !strings.Contains(w.Body.String(), "objective") {
		t.Errorf("got %d %s, want 422 and that an objective is needed", w.Code, w.Body)
	}
}

// gate is a policy that waits until it is let through.
type gate struct{ entered, open chan struct{} }

func (g gate) Validate() error { return nil }

func (g *gate) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	if g.entered != nil {
		g.entered <- struct{}{}
		<-g.open
	}
	if obs.CurrentReplicas == 13 {
		panic("13")
	}
	return scale.Recommendation{Replicas: 1e6, Confidence: 1, Reason: scale.Because("Gate", "as many as there may be")}, nil
}
func (g *gate) Signals() []string         { return nil }
func (g *gate) Snapshot() ([]byte, error) { return []byte("{}"), nil }
func (g *gate) Restore([]byte) error      { return nil }

func gated(t *testing.T, g *gate, parallel int) *servepolicy.Server {
	t.Helper()
	plugins := builtin.New()
	builtin.Register(&plugins.Policies, "gate", func() gate { return gate{} }, func(gate, policy.Env) (*gate, error) { return g, nil })
	return newServer(t, func(o *servepolicy.Options) { o.Policy, o.Parallel = served(t, plugins, `{"gate":{}}`), parallel })
}

func TestMoreQuestionsThanTurns(t *testing.T) {
	g := &gate{make(chan struct{}), make(chan struct{})}
	s := gated(t, g, 1)
	body := mustJSON(t, question(steady(1)[0]))
	var first sync.WaitGroup
	first.Go(func() {
		if w := ask(s, bytes.NewReader(body), nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"replicas":20,`) {
			t.Errorf("the first got %d %s, want 200 and the most there may be", w.Code, w.Body)
		}
	})
	<-g.entered
	w := ask(s, bytes.NewReader(body), nil)
	if w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("the second got %d %v, want 503 and to ask again after 1 s", w.Code, w.Header())
	}
	close(g.open)
	first.Wait()
}

func TestAPolicyThatPanicsEndsNothing(t *testing.T) {
	s := gated(t, &gate{}, 1)
	for range 3 { // with one turn: it must be given back
		if w := ask(s, bytes.NewReader(mustJSON(t, question(scaletest.Observation(0, 13)))), nil); w.Code != 422 || !strings.Contains(w.Body.String(), "panic: 13") {
			t.Errorf("got %d %s, want 422", w.Code, w.Body)
		}
	}
	if w := ask(s, bytes.NewReader(mustJSON(t, question(scaletest.Observation(0, 12)))), nil); w.Code != 200 {
		t.Errorf("after that: got %d %s, want an answer", w.Code, w.Body)
	}
}

// Whoever has begun to ask when all ends still gets an answer.
func TestAGracefulEnd(t *testing.T) {
	g := &gate{make(chan struct{}), make(chan struct{})}
	s := gated(t, g, 1)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	answered := make(chan string, 1)
	go func() {
		r, err := http.Post("http://"+l.Addr().String()+"/v1/recommend", "application/json", bytes.NewReader(mustJSON(t, question(steady(1)[0]))))
		if err != nil {
			answered <- err.Error()
			return
		}
		defer r.Body.Close()
		answered <- r.Status
	}()
	<-g.entered
	end()
	close(g.open)
	if got := <-answered; got != "200 OK" {
		t.Errorf("got %s, want an answer", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

// The document must allow every question that a controller sends, and every
// answer that is given; and forbid what is none.
func TestQuestionsAndAnswersAreAsTheDocumentSays(t *testing.T) {
	s := newServer(t, nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	document, err := jsonschema.UnmarshalJSON(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("flyball:policy", document); err != nil {
		t.Fatal(err)
	}
	check := func(schema string, body []byte) error {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			return err
		}
		compiled, err := compiler.Compile("flyball:policy#/components/schemas/" + schema)
		if err != nil {
			t.Fatal(err)
		}
		return compiled.Validate(value)
	}
	for _, obs := range append(steady(5), plausible()...) {
		q := question(obs)
		q.Memory = []byte("memory")
		body := mustJSON(t, q)
		if err := check("Question", body); err != nil {
			t.Fatalf("%v\nin %s", err, body)
		}
		w := ask(s, bytes.NewReader(body), nil)
		if err := check("Answer", w.Body.Bytes()); err != nil || w.Code != 200 {
			t.Fatalf("status %d, %v\nin %s", w.Code, err, w.Body)
		}
	}
	for path, schema := range map[string]string{"/v1/policy": "Description", "/nowhere": "Fault"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if err := check(schema, w.Body.Bytes()); err != nil {
			t.Errorf("%s: %v\nin %s", path, err, w.Body)
		}
	}
	for _, wrong := range []string{`{}`, `{"version":2}`, strings.Replace(string(mustJSON(t, question(steady(1)[0]))), `"trust":"fresh"`, `"trust":"maybe"`, 1)} {
		if check("Question", []byte(wrong)) == nil {
			t.Errorf("the document allows %s", wrong)
		}
	}
	paths := document.(map[string]any)["paths"].(map[string]any)
	for path := range paths {
		method := http.MethodGet
		if path == "/v1/recommend" {
			method = http.MethodPost
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code == http.StatusNotFound {
			t.Errorf("%s is described and not served", path)
		}
	}
}

// plausible are hostile observations without what no question can hold, and with
// all that one can.
func plausible() []scale.Observation {
	var all []scale.Observation
	for _, obs := range scaletest.Hostile(7, 50) {
		var kept []scale.Signal
		for _, s := range obs.Signals {
			if s.Trust != scale.Implausible {
				kept = append(kept, s)
			}
		}
		obs.Signals, obs.CurrentReplicas = kept, min(obs.CurrentReplicas, 20)
		for i := range obs.Replicas {
			r := &obs.Replicas[i]
			r.Containers = []scale.Container{{Name: "app", Requests: map[string]int64{"cpu": 500}}}
			r.Samples = []scale.Sample{{Signal: scale.CPUUtilization, Replica: r.ID, Container: "app", At: obs.At, Window: time.Second, Value: 0.5}}
		}
		all = append(all, obs)
	}
	return all
}

func FuzzQuestions(f *testing.F) {
	plugins := builtin.New()
	var p scale.Plugin
	if err := json.Unmarshal([]byte(`{"kpa":{}}`), &p); err != nil {
		f.Fatal(err)
	}
	of, err := servepolicy.NewServed(p, plugins)
	if err != nil {
		f.Fatal(err)
	}
	s, err := servepolicy.New(servepolicy.Options{Policy: of, Parallel: 1, Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	for _, obs := range steady(2) {
		body, err := json.Marshal(question(obs))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := ask(s, bytes.NewReader(body), nil)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) || strings.Contains(w.Body.String(), "cannot answer: panic") {
			t.Error(fmt.Sprint(w.Code, w.Body))
		}
	})
}
