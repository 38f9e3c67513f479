package advised_test

import (
	"testing"

	"github.com/flyball-io/flyball/scale"
)

// A decision with advice takes as long as one without, but for pricing the
// interval before it.
func BenchmarkRecommend(b *testing.B) {
	for _, tc := range []struct {
		name   string
		advice bool
	}{{"without advice", false}, {"with advice", true}} {
		b.Run(tc.name, func(b *testing.B) {
			p := newPlay(b, nil)
			all := make([]scale.Observation, 0, 1000)
			for n := range cap(all) {
				p.at += sync
				obs := serves(p.at, 400+float64(n%7), 10, 0.1)
				if tc.advice {
					obs.Advice = []scale.Advice{p.advise(12)}
				}
				all = append(all, obs)
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if n == len(all) { // begins anew, without being measured
					b.StopTimer()
					was := p.at
					p = newPlay(b, nil)
					p.at, n = was, 0
					b.StartTimer()
				}
				if _, err := p.Recommend(all[n]); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}
