package v1alpha1_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/scale"
)

func valid() v1alpha1.Autoscaler {
	a := v1alpha1.Default()
	a.Metadata.Name = "web"
	a.Spec.Target = v1alpha1.Plugin{Kind: "process"}
	a.Spec.Replicas.Max = 3
	a.Complete()
	return a
}

func TestDocumentsMadeInGoAreValidatedToo(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*v1alpha1.Autoscaler)
		want   string
	}{
		{"as it is", func(*v1alpha1.Autoscaler) {}, ""},
		{"no version", func(a *v1alpha1.Autoscaler) { a.APIVersion = "" }, "apiVersion: must be"},
		{"another kind", func(a *v1alpha1.Autoscaler) { a.Kind = "Pod" }, "kind: must be"},
		{"a name too long", func(a *v1alpha1.Autoscaler) { a.Metadata.Name = strings.Repeat("a", 64) }, "metadata.name: must be"},
		{"the longest name", func(a *v1alpha1.Autoscaler) { a.Metadata.Name = strings.Repeat("a", 63) }, ""},
		{"a name ending in a hyphen", func(a *v1alpha1.Autoscaler) { a.Metadata.Name = "a-" }, "metadata.name: must be"},
		{"an unknown mode", func(a *v1alpha1.Autoscaler) { a.Spec.Mode = "Off" }, "spec.mode: must be one of"},
		{"paused until", func(a *v1alpha1.Autoscaler) { a.Spec.Mode, a.Spec.PausedUntil = scale.Paused, &time.Time{} }, ""},
		{"until without pause", func(a *v1alpha1.Autoscaler) { a.Spec.PausedUntil = &time.Time{} }, "spec.pausedUntil: must be left out"},
		{"no target", func(a *v1alpha1.Autoscaler) { a.Spec.Target = v1alpha1.Plugin{} }, "spec.target: needs exactly one"},
		{"an empty policy", func(a *v1alpha1.Autoscaler) { a.Spec.Policy = &v1alpha1.Plugin{} }, "spec.policy: needs exactly one"},
		{"an empty balancer", func(a *v1alpha1.Autoscaler) { a.Spec.Balancer = &v1alpha1.Plugin{} }, "spec.balancer: needs exactly one"},
		{"an empty shadow", func(a *v1alpha1.Autoscaler) { a.Spec.Shadows = make([]v1alpha1.Plugin, 1) }, "spec.shadows[0]: needs exactly one"},
		{"min as large as max", func(a *v1alpha1.Autoscaler) { a.Spec.Replicas.Min = 3 }, ""},
		{"min above max", func(a *v1alpha1.Autoscaler) { a.Spec.Replicas.Min = 4 }, "spec.replicas.max: must be at least 1 and not below min (4), got 3"},
		{"negative min", func(a *v1alpha1.Autoscaler) { a.Spec.Replicas.Min = -1 }, "spec.replicas.min: must be at least 0"},
		{"no max", func(a *v1alpha1.Autoscaler) { a.Spec.Replicas = v1alpha1.Replicas{} }, "spec.replicas.max: must be at least 1"},
		{"no sync", func(a *v1alpha1.Autoscaler) { a.Spec.Sync = 0 }, "spec.sync: must be at least 100ms"},
		{"an empty objective", func(a *v1alpha1.Autoscaler) { a.Spec.Objective = &v1alpha1.Objective{} }, "spec.objective.latency: an objective needs"},
		{"a latency objective without numbers", func(a *v1alpha1.Autoscaler) {
			a.Spec.Objective = &v1alpha1.Objective{Latency: &v1alpha1.LatencyObjective{}}
		}, "spec.objective.latency.threshold: must be above 0"},
		{"a free replica", func(a *v1alpha1.Autoscaler) {
			a.Spec.Objective = &v1alpha1.Objective{Cost: &v1alpha1.CostObjective{}}
		}, "spec.objective.cost.perReplicaHour: must be above 0"},
		{"a hard budget of nothing", func(a *v1alpha1.Autoscaler) {
			a.Spec.Objective = &v1alpha1.Objective{Cost: &v1alpha1.CostObjective{PerReplicaHour: 1, Hard: true}}
		}, "spec.objective.cost.hard: needs a budgetPerDay"},
		{"two signals of one name", func(a *v1alpha1.Autoscaler) {
			s := v1alpha1.Signal{Name: "x", Source: v1alpha1.Plugin{Kind: "prometheus"}}
			a.Spec.Signals = []v1alpha1.Signal{s, s}
		}, `spec.signals[1].name: "x" is already the name of signals[0]`},
		{"a signal without anything", func(a *v1alpha1.Autoscaler) { a.Spec.Signals = make([]v1alpha1.Signal, 1) }, "spec.signals[0]: needs exactly one source"},
		{"a signal that is measured all the time", func(a *v1alpha1.Autoscaler) {
			a.Spec.Signals = []v1alpha1.Signal{{Name: "x", Interval: 1, Source: v1alpha1.Plugin{Kind: "prometheus"}}}
		}, "spec.signals[0].interval: must be at least 100ms"},
		{"a signal that is stale before its next value", func(a *v1alpha1.Autoscaler) {
			a.Spec.Signals = []v1alpha1.Signal{{Name: "x", Interval: 2e9, MaxAge: 1e9, Source: v1alpha1.Plugin{Kind: "prometheus"}}}
		}, "spec.signals[0].maxAge: must be at least the interval (2s), got 1s"},
		{"a negative cooldown", func(a *v1alpha1.Autoscaler) { a.Spec.Cooldown.ScaleUp = -1 }, "spec.cooldown.scaleUp: must not be negative"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := valid()
			tc.change(&a)
			err := a.Validate()
			if tc.want == "" && err != nil {
				t.Errorf("got %v, want no fault", err)
			}
			if tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.want)) {
				t.Errorf("got %v, want %s…", err, tc.want)
			}
		})
	}
}

func TestSignalThroughJSON(t *testing.T) {
	const text = `{"name":"queueDepth","prometheus":{"query":"up"}}`
	var s v1alpha1.Signal
	if err := json.Unmarshal([]byte(text), &s); err != nil || s.Name != "queueDepth" || s.Source.Kind != "prometheus" {
		t.Fatalf("got %+v, %v", s, err)
	}
	if again, err := json.Marshal(s); err != nil || string(again) != text {
		t.Errorf("written: %s, %v; want %s", again, err, text)
	}
	const aged = `{"interval":"10s","maxAge":"1m30s","name":"queueDepth","prometheus":{"query":"up"}}`
	if err := json.Unmarshal([]byte(aged), &s); err != nil || s.Interval.Std() != 10*time.Second || s.MaxAge.Std() != 90*time.Second || s.Source.Kind != "prometheus" {
		t.Fatalf("got %+v, %v", s, err)
	}
	if again, err := json.Marshal(s); err != nil || string(again) != aged {
		t.Errorf("written: %s, %v; want %s", again, err, aged)
	}
	for _, bad := range []string{`5`, `{"name":"x","interval":5,"a":{}}`, `{"name":5,"a":{}}`, `{"name":"x","a":{},"b":{}}`} {
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("%s: got %+v, want an error", bad, s)
		}
	}
}

func TestLatencyObjectiveInTheWordsOfPolicies(t *testing.T) {
	var o v1alpha1.LatencyObjective
	if err := json.Unmarshal([]byte(`{"threshold":"250ms","target":"99.9%"}`), &o); err != nil {
		t.Fatal(err)
	}
	want := scale.Objective{Threshold: scale.Duration(250 * time.Millisecond), Target: 0.999, Window: scale.Duration(time.Hour)}
	if got := o.Scale(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
