package operator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/operator/operatortest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// surging is a Prometheus whose rate is 20 requests/s, and 200 for a minute of
// every ten.
func surging(t *testing.T, asked func()) *httptest.Server {
	rate := func(at float64) string {
		if int64(at)/60%10 == 5 {
			return "200"
		}
		return "20"
	}
	number := func(r *http.Request, name string) float64 {
		n, _ := strconv.ParseFloat(r.FormValue(name), 64)
		return n
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked()
		now := float64(time.Now().Unix())
		value := func(at float64) string {
			if r.FormValue("query") == "newest" {
				return fmt.Sprint(at)
			}
			return rate(at)
		}
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasSuffix(r.URL.Path, "query_range") {
			fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[%f,%q]}]}}`, now, value(now))
			return
		}
		var values []string
		for at := number(r, "start"); at <= number(r, "end"); at += number(r, "step") {
			values = append(values, fmt.Sprintf("[%f,%q]", at, value(at)))
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[%s]}]}}`, strings.Join(values, ","))
	}))
	t.Cleanup(server.Close)
	return server
}

// foretold is the spec of a service whose load is forecast.
const foretold = `
  target: {fake: {name: web}}
  replicas: {min: 1, max: 90}
  balancer: {nobody: {}}
  sync: 15s
  objective: {latency: {threshold: 500ms, target: 99%%}}
  cooldown: {scaleDown: 1h}
  signals: [{name: requestRate, prometheus: {server: %q, query: rate, newestQuery: newest}}]
  policy: {predictive: {service: {serviceMean: 100ms, concurrency: 1}}}
  shadows: [{hpa: {metrics: [{signal: requestRate, averageValue: 10}]}}, {predictive: {risk: 2, service: {serviceMean: 100ms, concurrency: 1}}}]
`

// begun is what the policy and its shadows say first of a rate of 20, with a
// memory to begin with.
func begun(t *testing.T, p *past, memory []byte) (wanted []int) {
	t.Helper()
	plan, err := p.board.spec("shop.web").Plan()
	if err != nil {
		t.Fatal(err)
	}
	plan.Recall(memory)
	now := clock.System.Now()
	replica := scale.Replica{ID: "a", Phase: scale.Running, Readiness: scale.Readiness{Known: true, Ready: true}}
	for _, d := range deciders(&plan) {
		wanted = append(wanted, d.Decide(scale.Observation{Target: "shop.web", At: now, CurrentReplicas: 1, ObservedReplicas: 1, Replicas: []scale.Replica{replica},
			Signals: []scale.Signal{{Name: scale.RequestRate, Trust: scale.Fresh, Points: []series.Point{{At: now, Value: 20}}}}}).DesiredReplicas)
	}
	return wanted
}

func newPastOf(t *testing.T, server string) *past {
	t.Helper()
	d, err := newDecoder(operatortest.New().Plugins(), worldRules(), clock.System)
	if err != nil {
		t.Fatal(err)
	}
	b := newBoard(clock.System)
	doc := &document{key: key("shop", "web")}
	doc.replace(applied(t, "shop", "web", fmt.Sprintf(foretold, server)))
	if d.decode(doc); doc.fault != nil {
		t.Fatal(doc.fault)
	}
	b.know(doc)
	return newPast(b, d.plugins, clock.System, silent())
}

// Who has no memory that fits knows the loads of the last hours all the same,
// where a Prometheus does; who has one asks nobody.
func TestForecastersAreFedWithThePast(t *testing.T) {
	asked := 0
	p := newPastOf(t, surging(t, func() { asked++ }).URL)
	blank := begun(t, p, nil)
	fed := p.memory(t.Context(), "shop.web", nil)
	if got := begun(t, p, fed); got[0] <= blank[0] || got[2] <= blank[2] || got[1] != blank[1] {
		t.Errorf("with the past %v are wanted, without %v: want more where it is forecast, and as many by the hpa", got, blank)
	}
	// A memory that fits is taken as it is.
	before := asked
	if again := p.memory(t.Context(), "shop.web", fed); string(again) != string(fed) || asked != before {
		t.Errorf("a memory that fits: %d requests, want none, and the same memory", asked-before)
	}
	// Of one whose policy is another's the guards are kept.
	plan, err := p.board.spec("shop.web").Plan()
	if err != nil {
		t.Fatal(err)
	}
	plan.Decider.Applied(clock.System.Now(), 3, 2)
	plan.Done = clock.System.Now()
	kept, err := plan.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	older := strings.ReplaceAll(string(kept), `"kind":"predictive","version":`, `"kind":"predictive","version":9`)
	upgraded := p.memory(t.Context(), "shop.web", []byte(older))
	if got := begun(t, p, upgraded); got[0] <= blank[0] || got[2] <= blank[2] {
		t.Errorf("after an upgrade %v are wanted, without the past %v: want more", got, blank)
	}
	if got, want := guards(t, upgraded), guards(t, kept); got != want {
		t.Errorf("guards remember %s, want %s", got, want)
	}
}

// guards is what the guards of a memory know, and when the last change was.
func guards(t *testing.T, memory []byte) string {
	t.Helper()
	var m struct {
		Done    time.Time
		Decider struct{ Guards json.RawMessage }
	}
	if err := json.Unmarshal(memory, &m); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%v %s", m.Done, m.Decider.Guards)
}

// A Prometheus that hangs keeps nobody waiting for long, and the next one less.
func TestAPastThatIsNotToldIsDoneWithout(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	p := newPastOf(t, server.URL)
	p.spare = pastAnswer/10 + 100*time.Millisecond
	began := time.Now()
	memory := p.memory(t.Context(), "shop.web", nil)
	if took := time.Since(began); took > pastAnswer/2 {
		t.Errorf("it took %v, want what was left of the time for it", took)
	}
	if got, want := begun(t, p, memory), begun(t, p, nil); got[0] != want[0] {
		t.Errorf("%v are wanted, want the %v of who knows nothing", got, want)
	}
	began = time.Now()
	p.memory(t.Context(), "shop.web", nil)
	if took := time.Since(began); took > pastAnswer/10 {
		t.Errorf("the next took %v, want that nobody is asked", took)
	}
}
