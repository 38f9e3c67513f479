package load_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/workload"
)

// BenchmarkRate plays two seconds at a rate against a trivial server in the
// same process, and reports how much of it was achieved and how late the
// generator was. ns/op means nothing here.
func BenchmarkRate(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()
	for _, rps := range []float64{100, 1000, 2000, 5000, 10_000} {
		b.Run(fmt.Sprintf("rps=%v", rps), func(b *testing.B) {
			var got load.Result
			for b.Loop() {
				var err error
				got, err = load.Run(b.Context(), load.Options{
					URL:   server.URL,
					Shape: workload.Constant{RPS: rps, For: 2 * time.Second},
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(got.AchievedRate/got.IntendedRate, "achieved/intended")
			b.ReportMetric(got.Lag.P50*1e3, "lag-p50-ms")
			b.ReportMetric(got.Lag.P99*1e3, "lag-p99-ms")
			b.ReportMetric(got.Latency.P99*1e3, "latency-p99-ms")
			b.ReportMetric(float64(got.FailedRequests), "failed")
		})
	}
}
