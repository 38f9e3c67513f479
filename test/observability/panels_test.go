package observability

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/deploy/grafana"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
)

// unseen are panels of which nothing that runs here can tell anything. Whoever
// makes it run takes them off the list: a panel on it that shows something is a
// fault too.
func unseen() []string {
	return []string{
		"ai: Time to load a model", // no server tells it
	}
}

// Every panel of every dashboard shows something while a service is scaled up and
// down: no query asks for what is not there, under another name or label.
func TestNoPanelIsEmpty(t *testing.T) {
	w := newWorld(t)
	w.load()
	open, empty := panels()
	if len(open) < 70 || len(empty) != len(unseen()) {
		t.Fatalf("%d queries were found, and %d of %d panels that show nothing", len(open), len(empty), len(unseen()))
	}
	begun := clock.System.Now()
	for len(open) > 0 && clock.System.Now().Sub(begun) < patience {
		for name, query := range open {
			if w.ask(query) {
				delete(open, name)
			}
		}
		<-clock.System.After(time.Second)
	}
	t.Logf("all panels were seen after %v", clock.System.Now().Sub(begun).Round(time.Second))
	for name, query := range open {
		t.Errorf("%s is empty: %s", name, query)
	}
	for name, query := range empty {
		if w.ask(query) {
			t.Errorf("%s shows something: take it off the list", name)
		}
	}
	w.rulesAreWell()
	w.metricsAreWell()
}

// panels are the queries of all panels and variables, by where they stand, and
// those that have no answer here.
func panels() (open, empty map[string]string) {
	open, empty = map[string]string{}, map[string]string{}
	for _, d := range grafana.All() {
		for _, v := range d.Variables { // label_values(series, label)
			series, label, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(v.Query, "label_values("), ")"), ", ")
			open[d.Name+": variable "+v.Name] = chosen(fmt.Sprintf("count by (%s) (%s) > 0", label, series))
		}
		for _, row := range d.Rows {
			for _, p := range row.Panels {
				name := d.Name + ": " + p.Title
				for i, q := range p.Queries {
					if slices.Contains(unseen(), name) {
						empty[name] = chosen(q.Expr)
						continue
					}
					open[fmt.Sprintf("%s, %s, query %d", name, row.Title, i+1)] = chosen(q.Expr)
				}
			}
		}
	}
	return open, empty
}

// chosen is a query with what Grafana puts in where all is chosen.
func chosen(query string) string {
	return strings.NewReplacer("$__rate_interval", "20s", "$__range", "1m", "$job", "flyball", "$target", ".*", "$service", ".*").Replace(query)
}

// load lets users come in waves until the end of the test.
func (w *world) load() {
	var ticks atomic.Int64
	var users sync.WaitGroup
	w.t.Cleanup(users.Wait)
	client := &http.Client{Timeout: 10 * time.Second}
	w.background(func() {
		requests := 2
		if ticks.Add(1)%300 > 100 { // 10 s of 20 per second, 20 s of 120
			requests = 12
		}
		for range requests {
			users.Go(func() {
				if answer, err := client.Get("http://" + w.service); err == nil {
					_, _ = io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
				}
			})
		}
	})
}

// ask reports whether the answer has a series with a number.
func (w *world) ask(query string) bool {
	w.t.Helper()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Value [2]any }
		}
	}
	w.get("/api/v1/query?query="+url.QueryEscape(query), &answer)
	if answer.Status != "success" {
		w.t.Fatalf("%s: %s", query, answer.Error)
	}
	for _, series := range answer.Data.Result {
		text, _ := series.Value[1].(string)
		if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
			return true
		}
	}
	return false
}

func (w *world) get(path string, into any) {
	w.t.Helper()
	answer, err := http.Get("http://" + w.prometheus + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
}

// rulesAreWell asks whether each rule could be evaluated on what is really there,
// and whether those that know of it speak: the budget will not last, all else is
// well or too young.
func (w *world) rulesAreWell() {
	w.t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, State, Health, LastError string }
			}
		}
	}
	w.get("/api/v1/rules", &answer)
	states := map[string]string{}
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			states[r.Name] = r.State
			if r.Health != "ok" {
				w.t.Errorf("rule %s: %s %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if len(states) < 20 {
		w.t.Errorf("only %d rules are loaded", len(states))
	}
	for name, want := range map[string]string{"FlyballBudgetBurns": "pending", "FlyballDown": "inactive", "FlyballScalingFails": "inactive", "FlyballTargetUnread": "inactive"} {
		if states[name] != want {
			w.t.Errorf("%s is %q, want %s", name, states[name], want)
		}
	}
}

// metricsAreWell has Prometheus' own tool look at what is served.
func (w *world) metricsAreWell() {
	w.t.Helper()
	for _, address := range []string{w.dashboard, w.exporter} {
		request, err := http.NewRequest(http.MethodGet, "http://"+address+"/metrics", nil)
		if err != nil {
			w.t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+secret)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			w.t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			w.t.Fatalf("%s: %s, %v", address, answer.Status, err)
		}
		check := exec.Command(testenv.Command(w.t, "promtool"), "check", "metrics")
		check.Stdin = bytes.NewReader(text)
		if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
			w.t.Errorf("promtool check metrics of %s: %v\n%s", address, err, out)
		}
	}
}
