package learned_test

import (
	"testing"

	"github.com/flyball-io/flyball/policy/learned"
)

// The model that ships says what to do for ten thousand targets at once: the design
// allows 20 ms.
func BenchmarkInfer(b *testing.B) {
	data, err := learned.Find(learned.DefaultModel, nil)
	if err != nil {
		b.Fatal(err)
	}
	m, err := learned.Read(data)
	if err != nil {
		b.Fatal(err)
	}
	const targets = 10_000
	infer, seen, scores := m.Net.NewInference(), make([]float32, targets*learned.Width), make([]float32, targets*len(m.Actions))
	for i := range seen {
		at := i % learned.Width
		seen[i] = m.Features.Mean[at] + m.Features.Std[at]*float32(i%7-3)/3
	}
	b.ReportAllocs()
	for b.Loop() {
		infer.Infer(seen, scores)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/10000-targets")
}
