package app_test

import (
	"strings"
	"testing"

	"github.com/flyball-io/flyball/scale/scaletest"
)

const edited = `
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: web}
spec:
  target: {process: {command: [sleep, "60"]}}
  replicas: {min: 2, max: 8}
  objective: {latency: {threshold: 400ms, target: 99%}}
  policy: {predictive: {risk: 1}}
  cooldown: {scaleDown: 1m}
  behavior: {scaleDown: {stabilizationWindowSeconds: 60}}
  shadows:
    - predictive: {risk: 2}
    - lcp: {risk: 1}
`

// Whoever edits a number of a document loses nothing that was learned: it does
// not depend on the number.
func TestAnEditedNumberLosesNoMemory(t *testing.T) {
	spec := load(t, edited)
	was, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	for _, obs := range scaletest.Hostile(1, 100) {
		was.Decider.Decide(obs)
		for _, s := range was.Shadows {
			s.Decide(obs)
		}
	}
	memory, err := was.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range []string{
		"{predictive: {risk: 1}}->{predictive: {risk: 0.5}}",
		"{predictive: {risk: 1}}->{predictive: {drain: 5s, restartCost: 1m, idleToZero: 1m}}",
		"{predictive: {risk: 1}}->{predictive: {service: {startup: 3s}}}",
		"{predictive: {risk: 1}}->{predictive: {service: {serviceMean: 80ms, concurrency: 4}}}",
		"- predictive: {risk: 2}->- predictive: {risk: 3}",
		"- lcp: {risk: 1}->- lcp: {risk: 3, restartCost: 1m}",
		"400ms->200ms", "99%->99.9%", "max: 8->max: 80", "min: 2->min: 0",
		"scaleDown: 1m->scaleDown: 2m", "stabilizationWindowSeconds: 60->stabilizationWindowSeconds: 120",
	} {
		from, to, _ := strings.Cut(edit, "->")
		if !strings.Contains(edited, from) {
			t.Fatalf("the document has no %s", from)
		}
		next := load(t, strings.Replace(edited, from, to, 1))
		plan, err := next.Plan()
		if err != nil {
			t.Fatal(err)
		}
		if afresh := plan.Recall(memory); len(afresh) > 0 {
			t.Errorf("%s: %s started afresh", edit, strings.Join(afresh, ", "))
		}
	}
}
