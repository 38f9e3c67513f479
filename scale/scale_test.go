package scale_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
	"github.com/google/go-cmp/cmp"
)

func TestReasonInWords(t *testing.T) {
	for _, tc := range []struct {
		reason scale.Reason
		want   string
	}{
		{scale.Because("A", "{n} {0} at {1} per replica: {2}", 31.234567, 2.8, 12).About("concurrency"), "concurrency 31.2 at 2.8 per replica: 12"},
		{scale.Because("A", "{0%} of requests", 0.01234), "1.23 % of requests"},
		{scale.Because("A", "{0s}, {1s}, {2s}, {3s}", 0.25, 15, 300, 5400), "250 ms, 15 s, 5m, 1h30m"},
		{scale.Because("A", "{0t}, {1t}", 0, 16*3600+40*60+59), "00:00, 16:40"},
		{scale.Because("A", "{0s}, {1s}, {2s}", 150, 310, 3600), "2m30s, 5m10s, 1h"},
		{scale.Because("A", "{0} of {1}", 123456, 12345.6), "123456 of 12346"},
		{scale.Because("A", "{0 replica}, {1 ready replica} of {2 replica}, {3 request}, {4 replica-hour}", 0, 1, 7, 1.5, 0.9999), "0 replicas, 1 ready replica of 7 replicas, 1.5 requests, 1 replica-hour"},
		{scale.Because("A", "{9} {x} {", 1), "{9} {x} {"},
		{scale.Reason{}, ""},
	} {
		if got := tc.reason.String(); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.reason.Template, got, tc.want)
		}
	}
}

func TestReasonKeepsItsWordsThroughJSON(t *testing.T) {
	data, err := json.Marshal(scale.Because("Code", "{0} {n}", 3).About("{0}"))
	if err != nil {
		t.Fatal(err)
	}
	var back scale.Reason
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back.Code != "Code" || back.String() != "3 {0}" {
		t.Errorf("got %s %q, want Code \"3 {0}\"", back.Code, back)
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0,
	} {
		got, err := scale.ParseDuration(text)
		if err != nil || got.Std() != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "30", "d", "five minutes", "1d2", "1y", "1d-2h"} {
		if _, err := scale.ParseDuration(text); err == nil || !strings.Contains(err.Error(), "unit") {
			t.Errorf("%q: got %v, want an error that asks for a unit", text, err)
		}
	}
	if got := scale.Duration(5 * time.Minute).String(); got != "5m" {
		t.Errorf("five minutes: got %q, want 5m", got)
	}
}

func TestLastGivesFreshValuesOnly(t *testing.T) {
	points := []series.Point{{At: time.Unix(1, 0), Value: 7}}
	for trust, want := range map[scale.Trust]bool{scale.Fresh: true, scale.Stale: false, scale.Absent: false, scale.Implausible: false} {
		obs := scale.Observation{Signals: []scale.Signal{{Name: "x", Trust: trust, Points: points}}}
		if _, ok := obs.Last("x"); ok != want {
			t.Errorf("%v: got %v, want %v", trust, ok, want)
		}
	}
}

func TestReadyReplicasLeavesOutThoseOnTheirWayOut(t *testing.T) {
	ready := scale.Readiness{Known: true, Ready: true}
	obs := scale.Observation{Replicas: []scale.Replica{
		{Phase: scale.Running, Readiness: ready},
		{Phase: scale.Running, Readiness: ready, DeletedAt: time.Unix(1, 0)},
		{Phase: scale.Running},
		{Phase: scale.Pending},
		{Phase: scale.Failed, Readiness: ready},
	}}
	if got := obs.ReadyReplicas(); got != 1 {
		t.Errorf("got %d ready replicas, want 1", got)
	}
}

func TestObservationThroughJSON(t *testing.T) {
	obs := scale.Observation{
		Target: "web", At: time.Unix(5, 0).UTC(), CurrentReplicas: 2,
		Replicas: []scale.Replica{{ID: "a", Phase: scale.Running, Readiness: scale.Readiness{Known: true}}},
		Signals:  []scale.Signal{{Name: "x", Trust: scale.Stale, Points: []series.Point{{At: time.Unix(4, 0).UTC(), Value: 1}}}},
	}
	data, err := json.Marshal(obs)
	if err != nil {
		t.Fatal(err)
	}
	var back scale.Observation
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(obs, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestUnsealRefusesWhatDoesNotFit(t *testing.T) {
	data, err := scale.Seal("kind", 1, "config", 42)
	if err != nil {
		t.Fatal(err)
	}
	state := 7
	for name, err := range map[string]error{
		"other kind":    scale.Unseal(data, "other", 1, "config", &state),
		"other version": scale.Unseal(data, "kind", 2, "config", &state),
		"other config":  scale.Unseal(data, "kind", 1, "changed", &state),
		"not JSON":      scale.Unseal([]byte("{"), "kind", 1, "config", &state),
	} {
		if !errors.Is(err, scale.ErrSnapshot) || state != 7 {
			t.Errorf("%s: got %v and state %d, want ErrSnapshot and an unchanged state", name, err, state)
		}
	}
	if err := scale.Unseal(data, "kind", 1, "config", &state); err != nil || state != 42 {
		t.Errorf("fitting snapshot: got %v, state %d; want 42", err, state)
	}
}
