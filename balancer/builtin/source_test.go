package builtin_test

import (
	"log/slog"
	"testing"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/sourcetest"
)

func TestSourceConformance(t *testing.T) {
	sourcetest.Run(t, sourcetest.Harness{
		Now: clock.System.Now,
		New: func(t *testing.T) source.Source {
			p, err := builtin.New(builtin.Default(), clock.System, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.SetBackends(t.Context(), []balancer.Backend{{ID: "a", Address: "127.0.0.1:1"}}); err != nil {
				t.Fatal(err)
			}
			return p
		},
		Signals: []string{scale.RequestRate, scale.ErrorRate, scale.Concurrency, scale.QueueDepth, scale.ViolationRatio},
	})
}
