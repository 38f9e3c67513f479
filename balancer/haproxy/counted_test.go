package haproxy

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flyball-io/flyball/internal/calls"
)

// counted is how often this process has asked balancers, by outcome.
func counted(t *testing.T) map[string]float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(calls.Process())
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			if m.Counter != nil && m.Label[0].GetValue() == calls.Balancer {
				found[m.Label[1].GetValue()] = m.Counter.GetValue()
			}
		}
	}
	return found
}

// What HAProxy is asked is counted as the requests to other balancers are.
func TestQuestionsAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 100))
			_, _ = c.Write([]byte("fine\n"))
			c.Close()
		}
	}()
	before := counted(t)
	s := socket{path}
	if answer, err := s.ask(t.Context(), "show info"); err != nil || answer != "fine\n" {
		t.Fatalf("%q, %v", answer, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = s.ask(over, "show info") // nobody wants to know any more
	l.Close()
	if _, err := s.ask(t.Context(), "show info"); err == nil {
		t.Fatal("nobody listens, but somebody answers")
	}
	after := counted(t)
	if ok, no := after["ok"]-before["ok"], after["unanswered"]-before["unanswered"]; ok != 1 || no != 1 {
		t.Errorf("counted %v answered and %v not, want one each", ok, no)
	}
}
