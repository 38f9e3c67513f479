// Package callstest tells tests what this process has asked of others.
package callstest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flyball-io/flyball/internal/calls"
)

// Outcomes counts the requests of a client so far, by outcome.
func Outcomes(t testing.TB, client string) map[string]float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(calls.Process())
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			if labels := m.Label; f.GetName() == calls.RequestsTotal && labels[0].GetValue() == client {
				all[labels[1].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return all
}

// Grown fails unless the requests of a client have grown by these since before.
func Grown(t testing.TB, client string, before, want map[string]float64) {
	t.Helper()
	got := map[string]float64{}
	for outcome, n := range Outcomes(t, client) {
		if n > before[outcome] {
			got[outcome] = n - before[outcome]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests of the client %s, -want +got:\n%s", client, diff)
	}
}
