package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// instance is a running server of API and stream, as flyball run has one, in
// which the test plays the loop.
type instance struct {
	t      *testing.T
	bus    *memory.Bus
	server *web.Server
	http   *httptest.Server
	stop   func()

	mu    sync.Mutex // guards infos
	infos []web.TargetInfo
}

func newInstance(t *testing.T, names ...string) *instance {
	t.Helper()
	i := &instance{t: t, bus: memory.New()}
	for _, name := range names {
		i.infos = append(i.infos, web.TargetInfo{
			Name: name, Mode: scale.Apply, Policy: "hpa", Min: 1, Max: 4, Sync: 15 * time.Second, Kind: "process ./web",
			Objective: &scale.Objective{Threshold: scale.Duration(500 * time.Millisecond), Target: 0.99, Window: scale.Duration(time.Hour)},
		})
	}
	i.server = web.New(web.Options{Bus: i.bus, Clock: clock.System, Version: "v1.2.3", Targets: i.infos, Actions: i})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- i.server.Run(ctx) }()
	i.http = httptest.NewServer(i.server.Handler())
	i.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		i.http.CloseClientConnections()
		i.http.Close()
	})
	t.Cleanup(i.stop)
	for _, name := range names { // until it has subscribed
		eventually(t, func() bool { i.report(name); return !strings.Contains(i.get("/api/v1/targets/"+name), `"reportAt":0,`) })
	}
	return i
}

// SetMode and ClearMode do what the controller does, without writing down.
func (i *instance) SetMode(_ context.Context, target string, o web.Override) error {
	i.override(target, &o)
	return nil
}

func (i *instance) ClearMode(_ context.Context, target, _ string) error {
	i.override(target, nil)
	return nil
}

func (i *instance) override(target string, o *web.Override) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range i.infos {
		if i.infos[n].Name == target {
			i.infos[n].Override = o
		}
	}
	i.server.SetTargets(i.infos)
}

func (i *instance) get(path string) string {
	i.t.Helper()
	response, err := http.Get(i.http.URL + path)
	if err != nil {
		i.t.Fatal(err)
	}
	defer response.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(response.Body); err != nil {
		i.t.Fatal(err)
	}
	return b.String()
}

func (i *instance) report(name string) {
	now := clock.System.Now()
	r := control.Report{Target: name, At: now, Samples: []scale.Sample{{Signal: scale.RequestRate, At: now, Window: time.Second, Value: 134}}}
	if err := control.Reports(i.bus, name).Publish(i.t.Context(), r); err != nil {
		i.t.Fatal(err)
	}
}

// decide publishes a decision on 134 requests per second and waits until it
// is known.
func (i *instance) decide(name string, at time.Time, from, wanted, to int) {
	i.t.Helper()
	d := scale.Decision{
		Target: name, Policy: "hpa", At: at, CurrentReplicas: from, DesiredReplicas: to, SetBy: "policy",
		Reason: scale.Because("Target", "requestRate 134 at 35 per replica: {0}", float64(wanted)),
		Steps:  []scale.Step{{Guard: "data", From: wanted, To: wanted}, {Guard: "bounds", From: wanted, To: to}},
	}
	d.Recommendation = scale.Recommendation{Replicas: wanted, Confidence: 1, Reason: d.Reason}
	if wanted != to {
		d.SetBy, d.Reason = "bounds", scale.Because("TooManyReplicas", "{0} is above the maximum of {1}", float64(wanted), float64(to))
		d.Steps[1].Reason = d.Reason
	}
	seen := record.Seen{Ready: from, Signals: []record.Measured{{Name: scale.RequestRate, Trust: scale.Fresh, Value: 134, At: at.Add(-2 * time.Second)}}}
	out := record.Decided{Decision: d, Mode: scale.Apply, Seen: seen, Shadows: []scale.Decision{{Policy: "kpa", DesiredReplicas: 3, Reason: scale.Because("Stable", "stable window")}}}
	if err := control.Decisions(i.bus, name).Publish(i.t.Context(), out); err != nil {
		i.t.Fatal(err)
	}
	eventually(i.t, func() bool {
		return strings.Contains(i.get("/api/v1/targets/"+name+"/decisions"), fmt.Sprint(at.UnixMilli()))
	})
}

func (i *instance) event(e record.Event) {
	i.t.Helper()
	if err := control.Events(i.bus, e.Target).Publish(i.t.Context(), e); err != nil {
		i.t.Fatal(err)
	}
	eventually(i.t, func() bool { return strings.Contains(i.get("/api/v1/events"), e.Message) })
}

// run runs a command against the instance as the program does.
func (i *instance) run(args ...string) (stdout, stderr string, status int) {
	i.t.Helper()
	return execute(i.t.Context(), append(args, "--server", i.http.URL)...)
}

func execute(ctx context.Context, args ...string) (stdout, stderr string, status int) {
	var out, errOut bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(""))
	root.SetOut(&out)
	root.SetErr(&errOut)
	if err := root.ExecuteContext(ctx); err != nil {
		status = report(&errOut, err)
	}
	return out.String(), errOut.String(), status
}

// patience is far more than anything here takes.
const patience = 20 * time.Second

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for over := clock.System.After(patience); !holds(); {
		select {
		case <-over:
			t.Fatalf("did not happen within %v", patience)
		case <-clock.System.After(10 * time.Millisecond):
		}
	}
}

// wants fails unless text has each part.
func wants(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("got\n%s\nwant in it: %s", text, part)
		}
	}
}

func TestExplainSaysWhyInWordsThenInNumbers(t *testing.T) {
	i := newInstance(t, "shop")
	i.decide("shop", clock.System.Now(), 3, 6, 4)
	out, errOut, status := i.run("explain")
	if status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	sentence, _, _ := strings.Cut(out, "\n")
	wants(t, sentence, "shop grew from 3 to 4 replicas", "because the policy wants 6 (requestRate 134 at 35 per replica: 6); 6 is above the maximum of 4 (guard bounds)")
	wants(t, out, "for more than 4 raise replicas.max", "requestRate  134/s  fresh  2.0s old", "policy hpa          6",
		"data                6  ok", "bounds              4  6 is above", "final               4  set by bounds", "kpa                 3", "Mode now: Apply (as the document says)", "Objective now: met")
}

func TestExplainFindsTheDecisionOfATime(t *testing.T) {
	i := newInstance(t, "shop")
	now := clock.System.Now()
	i.decide("shop", now.Add(-time.Hour), 1, 2, 2)
	i.decide("shop", now.Add(-time.Minute), 2, 3, 3)
	out, errOut, _ := i.run("explain", "shop", "--at", "30m")
	wants(t, out+errOut, "shop grew from 1 to 2 replicas (at ")
	out, errOut, _ = i.run("explain", "shop", "--id", fmt.Sprint(now.Add(-time.Minute).UnixMilli()), "--json")
	var got struct {
		Sentence string
		Decision struct{ From, To int }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Decision.To != 3 || got.Sentence == "" {
		t.Errorf("got %+v (%v) of %s%s", got, err, out, errOut)
	}
	_, errOut, status := i.run("explain", "--at", "2h")
	if status != 1 {
		t.Errorf("before the first decision: status %d, want 1", status)
	}
	wants(t, errOut, "no decision of")
}

func TestTheOnlyTargetNeedsNoName(t *testing.T) {
	i := newInstance(t, "shop", "worker")
	for _, command := range []string{"explain", "decisions"} {
		_, errOut, status := i.run(command)
		if status != 2 || errOut != "flyball: name one of the targets: shop, worker\n" {
			t.Errorf("%s: status %d and %q, want 2 and the names", command, status, errOut)
		}
	}
	_, errOut, status := i.run("explain", "shopp")
	if status != 2 {
		t.Errorf("unknown target: status %d, want 2", status)
	}
	wants(t, errOut, `no target "shopp": known are shop, worker`)
}

// An Autoscaler of a cluster is also known as kubectl names it.
func TestAnAutoscalerOfANamespaceIsNamedAsKubectlDoes(t *testing.T) {
	i := newInstance(t, "shop.web", "bank.web")
	i.decide("shop.web", clock.System.Now(), 3, 4, 4)
	i.event(record.Event{Type: "ScaledUp", Target: "shop.web", At: clock.System.Now(), Message: "3 → 4 replicas"})
	for _, args := range [][]string{{"explain", "shop/web"}, {"decisions", "shop/web"}, {"events", "shop/web"}, {"top", "--once", "shop/web"}, {"pause", "shop/web"}, {"mode", "shop/web", "Recommend"}, {"resume", "shop/web"}} {
		out, errOut, status := i.run(args...)
		if status != 0 || out == "" || strings.Contains(out, "bank") {
			t.Errorf("%v: status %d, %s%s; want what shop.web does", args, status, out, errOut)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, args := range [][]string{{"explain"}, {"decisions", "shop"}, {"events"}, {"top", "--once"}, {"pause", "shop"}, {"events", "--follow"}} {
		_, errOut, status := execute(t.Context(), append(args, "--server", gone.URL)...)
		if want := "flyball: nothing listens at " + gone.URL + ": is flyball run or flyball demo running? (--server)\n"; status != 1 || errOut != want {
			t.Errorf("%v: status %d and %q, want 1 and %q", args, status, errOut, want)
		}
	}
}

func TestDecisionsAreListedOldestFirst(t *testing.T) {
	i := newInstance(t, "shop")
	now := clock.System.Now()
	i.decide("shop", now.Add(-3*time.Minute), 1, 2, 2)
	i.decide("shop", now.Add(-2*time.Minute), 2, 2, 2)
	i.decide("shop", now.Add(-time.Minute), 2, 6, 4)
	out, _, _ := i.run("decisions")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 4 {
		t.Fatalf("got %d lines, want a header and 3:\n%s", len(lines), out)
	}
	wants(t, lines[0], "TIME", "REPLICAS", "SET BY", "WHY")
	wants(t, lines[1], "1 → 2", "policy")
	wants(t, lines[3], "2 → 4", "bounds", "6 is above the maximum of 4")
	for filter, want := range map[string]int{"changes": 2, "held": 1, "all": 3} {
		out, _, _ := i.run("decisions", "--filter", filter, "--json")
		if got := strings.Count(out, "\n"); got != want {
			t.Errorf("--filter %s: %d JSON lines, want %d:\n%s", filter, got, want, out)
		}
	}
	if out, _, _ := i.run("decisions", "--since", "90s", "--json"); strings.Count(out, "\n") != 1 {
		t.Errorf("--since 90s: want 1 line, got\n%s", out)
	}
	if out, _, _ := i.run("decisions", "--limit", "1", "--json"); !strings.Contains(out, `"to":4`) || strings.Count(out, "\n") != 1 {
		t.Errorf("--limit 1: want the newest, got\n%s", out)
	}
}

func TestWrongFlagsSayWhatIsAllowed(t *testing.T) {
	i := newInstance(t, "shop")
	for _, tc := range []struct{ args, want string }{
		{"decisions --filter some", "--filter: must be all, changes or held"},
		{"decisions --since soon", "--since: must be a duration such as 1h"},
		{"decisions --limit -1", "--limit: must be 0 or more"},
		{"decisions --follow --until 1m", "exclude each other"},
		{"decisions a b", "takes at most 1 argument"},
		{"explain --at 1m --id 3", "exclude each other"},
		{"pause", "name a target (there are: shop) or --all"},
		{"pause shop --all", "exclude each other"},
		{"pause shop --for 1h --until 18:00", "exclude each other"},
		{"pause shop --until 2001-01-01T00:00:00Z", "is over"},
		{"mode shop Fast", "must be Apply, Recommend, Paused"},
		{"mode shop Apply --for 1h", "only a pause ends by itself"},
		{"mode", "name a target and a mode"},
		{"events --token a --token-file b", "exclude each other"},
		{"events --ca-file /none", "no such file"},
	} {
		_, errOut, status := i.run(strings.Fields(tc.args)...)
		if status != 2 || !strings.Contains(errOut, tc.want) || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: status %d and %q, want 2 and one line with %q", tc.args, status, errOut, tc.want)
		}
	}
}

func TestPauseSaysWhatHoldsAndUntilWhen(t *testing.T) {
	i := newInstance(t, "shop", "worker")
	out, errOut, status := i.run("pause", "shop", "--for", "1h", "--reason", "load test")
	if status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	wants(t, out, "shop is paused: its replicas stay as they are, until 20", "set by cli ", "the document says Apply")
	out, _, _ = i.run("top", "--once")
	wants(t, out, "Paused", "(load test)")
	out, _, _ = i.run("mode", "worker", "recommend")
	wants(t, out, "worker only recommends", "until flyball resume worker")
	out, _, _ = i.run("resume", "--all")
	wants(t, out, "shop scales (mode Apply, as the document says)\nworker scales (mode Apply, as the document says)\n")
	out, _, _ = i.run("pause", "--all", "--json")
	var targets []struct {
		Name, Mode string
		Override   struct{ By string }
	}
	if err := json.Unmarshal([]byte(out), &targets); err != nil || len(targets) != 2 || targets[1].Mode != "Paused" || !strings.HasPrefix(targets[0].Override.By, "cli ") {
		t.Errorf("got %+v (%v) of %s", targets, err, out)
	}
}

func TestEventsOfOneTargetOrAll(t *testing.T) {
	i := newInstance(t, "shop", "worker")
	now := clock.System.Now()
	i.event(record.Event{Type: "ScaledUp", Target: "shop", At: now.Add(-time.Minute), Message: "1 → 2 replicas"})
	i.event(record.Event{Type: "ModeChanged", Target: "worker", At: now, By: "anna", Message: "Paused: rollout"})
	out, _, _ := i.run("events")
	wants(t, out, "ScaledUp", "Paused: rollout (by anna)")
	out, _, _ = i.run("events", "shop")
	if strings.Contains(out, "worker") || !strings.Contains(out, "1 → 2 replicas") {
		t.Errorf("events of shop: got\n%s", out)
	}
}

func TestCompletionKnowsTheTargetsOfTheRunningInstance(t *testing.T) {
	i := newInstance(t, "shop", "worker")
	for _, command := range []string{"explain", "pause", "top", "mode"} {
		out, _, _ := execute(t.Context(), "__complete", command, "--server", i.http.URL, "")
		wants(t, out, "shop\nworker\n")
	}
	out, _, _ := execute(t.Context(), "__complete", "mode", "--server", i.http.URL, "shop", "")
	wants(t, out, "Apply\nRecommend\nPaused\n")
	out, _, _ = execute(t.Context(), "__complete", "run", "-f", "")
	wants(t, out, "yaml\nyml\n:8\n")
}

func TestVersionAsJSON(t *testing.T) {
	out, _, _ := execute(t.Context(), "version", "--json")
	var v map[string]any
	if err := json.Unmarshal([]byte(out), &v); err != nil || v["go"] == "" || v["platform"] == "" || v["version"] == "" {
		t.Errorf("got %s (%v), want version, commit, go and platform", out, err)
	}
}

// Without the bus between the roles what is shown is of before, and both say so
// and since when.
func TestABusThatIsAwayIsSaid(t *testing.T) {
	i := newInstance(t, "shop")
	i.decide("shop", clock.System.Now(), 3, 6, 4)
	i.server.BusAway(clock.System.Now().Add(-32*time.Second), errors.New("connection refused"))
	out, _, _ := i.run("explain")
	wants(t, out, "! The bus between the roles is away since", "(32s): all that follows is as of", "Fault: bus: connection refused")
	if strings.Contains(out, "Replicas now") {
		t.Errorf("the replicas of before are said to be those of now:\n%s", out)
	}
	out, _, _ = i.run("top", "--once")
	wants(t, out, "! bus away for 32s, all of this is of before: connection refused")
	i.server.BusAway(clock.System.Now(), nil)
	out, _, _ = i.run("explain")
	wants(t, out, "Replicas now")
	if strings.Contains(out, "away") {
		t.Errorf("still away:\n%s", out)
	}
}

// Of the signals in doubt those are named that the decision speaks of.
func TestTheCureIsOfASignalThatDecides(t *testing.T) {
	doubtful := func(names ...string) *client.Seen {
		seen := &client.Seen{Ready: 1}
		for _, name := range names {
			seen.Signals = append(seen.Signals, client.Signal{Name: name, Trust: scale.Absent})
		}
		return seen
	}
	noRate := scale.Because("NoData", "hold: {n}").About(`predictive: signal "requestRate": no data`)
	for _, tc := range []struct {
		seen *client.Seen
		want string
	}{
		{doubtful("requestRate", "writableLayerBytes"), "it decides again as soon as requestRate can be measured: see flyball doctor"},
		{doubtful("writableLayerBytes"), "it decides again as soon as its signals are measured: see flyball doctor"},
	} {
		e := explanation{decision: client.Decision{From: 1, To: 1, NoData: true, Reason: noRate, Seen: tc.seen}}
		if got := e.change(); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
