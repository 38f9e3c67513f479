package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/web"
)

// start is the instant at which every bubble of synctest begins.
func start() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// rig is a running server with the bus it listens to. It lives in a bubble of
// synctest, so time is the test's own.
type rig struct {
	t      *testing.T
	bus    *memory.Bus
	server *web.Server
	http   http.Handler
	// contract is what every answer must keep.
	contract *contract
	stop     func() // ends Run and waits for it
}

func shop() web.TargetInfo {
	return web.TargetInfo{
		Name: "shop", Mode: scale.Apply, Policy: "hpa (requestRate, 35 per replica)", Shadows: []string{"kpa"},
		Objective: &scale.Objective{
			Threshold: scale.Duration(500 * time.Millisecond), Target: 0.99, Window: scale.Duration(time.Hour),
		},
		Min: 1, Max: 20, Sync: 15 * time.Second, Kind: "process ./shop", Balancer: "127.0.0.1:8080",
	}
}

func newRig(t *testing.T, targets ...web.TargetInfo) *rig {
	t.Helper()
	return newRigWith(t, web.Options{Targets: targets})
}

func newRigWith(t *testing.T, o web.Options) *rig {
	t.Helper()
	b := memory.New()
	o.Bus, o.Version = b, "v1.2.3"
	if o.Clock == nil {
		o.Clock = clock.System
	}
	s := web.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	synctest.Wait() // it has subscribed
	r := &rig{t: t, bus: b, server: s, http: s.Handler(), contract: readContract(t)}
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		synctest.Wait()
	}
	return r
}

func (r *rig) report(m control.Report) {
	r.t.Helper()
	if err := control.Reports(r.bus, m.Target).Publish(r.t.Context(), m); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func (r *rig) decide(m record.Decided) {
	r.t.Helper()
	if err := control.Decisions(r.bus, m.Decision.Target).Publish(r.t.Context(), m); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func (r *rig) apply(m record.Applied) {
	r.t.Helper()
	if err := control.Changes(r.bus, m.Target).Publish(r.t.Context(), m); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func (r *rig) tell(e record.Event) {
	r.t.Helper()
	if err := control.Events(r.bus, e.Target).Publish(r.t.Context(), e); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// get asks for a path and decodes the answer into body.
func (r *rig) get(path string, body any) int {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.http.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if err := r.contract.check("GET", path, w.Code, w.Header(), w.Body.Bytes()); err != nil {
		r.t.Errorf("GET %s: %v", path, err)
	}
	if err := json.Unmarshal(w.Body.Bytes(), body); err != nil {
		r.t.Fatalf("GET %s: %v in %s", path, err, w.Body)
	}
	return w.Code
}

// seen is a report of one second with a rate and a share of bad requests.
func seen(at time.Time, rate, bad float64) control.Report {
	return control.Report{Target: "shop", At: at, Samples: []scale.Sample{
		{Signal: scale.RequestRate, At: at, Window: time.Second, Value: rate},
		{Signal: scale.ViolationRatio, At: at, Window: time.Second, Value: bad},
	}}
}

// decision from → to, where wanted is what the policy asked for.
func decision(at time.Time, from, wanted, to int) record.Decided {
	d := scale.Decision{
		Target: "shop", Policy: "hpa", At: at, CurrentReplicas: from, DesiredReplicas: to, SetBy: "policy",
		Reason:         scale.Because("Ratio", "{0}/s need {1} replicas", float64(wanted)*35, float64(wanted)),
		Recommendation: scale.Recommendation{Replicas: wanted, Confidence: 1},
		Steps:          []scale.Step{{Guard: "staleData", From: wanted, To: wanted}, {Guard: "behavior", From: wanted, To: to}},
	}
	d.Recommendation.Reason = d.Reason
	if to != wanted {
		d.SetBy, d.Reason = "behavior", scale.Because("Stabilizing", "kept at {0}", float64(to))
		d.Steps[1].Reason = d.Reason
	}
	return record.Decided{Decision: d, Mode: scale.Apply, Shadows: []scale.Decision{{Policy: "kpa", DesiredReplicas: to + 1}}}
}

func status(at time.Time, replicas ...scale.Replica) *target.Status {
	return &target.Status{At: at, SpecReplicas: len(replicas), Replicas: replicas}
}
