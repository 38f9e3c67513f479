package calls_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/clock"
)

// counted are the series of a meter, "client outcome" or "client seconds".
func counted(t *testing.T, m *calls.Meter) map[string]float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(m)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, f := range families {
		for _, s := range f.Metric {
			words := make([]string, 0, 2)
			for _, l := range s.Label {
				words = append(words, l.GetValue())
			}
			if s.Histogram != nil {
				words = append(words, "seconds")
			}
			found[strings.Join(words, " ")] = s.GetCounter().GetValue() + float64(s.GetHistogram().GetSampleCount())
		}
	}
	return found
}

func TestRequestsAreCountedByHowTheyEnd(t *testing.T) {
	code := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
	m := calls.NewMeter(clock.System)
	client := http.Client{Transport: m.Transport(calls.Prometheus, http.DefaultTransport)}
	ask := func(ctx context.Context) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := client.Do(request); err == nil {
			answer.Body.Close()
		}
	}
	for _, code = range []int{200, 304, 404, 429, 500, 503} {
		ask(t.Context())
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	ask(gone) // nobody wants to know any more
	server.Close()
	client.CloseIdleConnections()
	ask(t.Context())
	want := map[string]float64{"prometheus ok": 2, "prometheus refused": 2, "prometheus failed": 2, "prometheus unanswered": 1, "prometheus seconds": 7}
	if diff := cmp.Diff(want, counted(t, m)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRequestsThatNoTransportSeesAreCounted(t *testing.T) {
	m := calls.NewMeter(clock.NewFast(time.Unix(0, 0), 1))
	m.Begin(calls.Docker)(nil, false)
	m.Begin(calls.Docker)(errors.New("no such container"), false)
	m.Begin(calls.Docker)(errors.New("no engine"), true)
	want := map[string]float64{"docker ok": 1, "docker refused": 1, "docker unanswered": 1, "docker seconds": 3}
	if diff := cmp.Diff(want, counted(t, m)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWithoutANameNothingIsCounted(t *testing.T) {
	m := calls.NewMeter(clock.System)
	if m.Transport("", http.DefaultTransport) != http.DefaultTransport {
		t.Error("a transport without a name is wrapped")
	}
	if got := counted(t, m); len(got) != 0 {
		t.Errorf("counted %v", got)
	}
}
