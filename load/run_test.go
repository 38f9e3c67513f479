package load_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/workload"
)

func TestEveryArrivalIsSentAndMeasured(t *testing.T) {
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		_, _ = io.WriteString(w, "hello")
	}))
	defer server.Close()

	got, err := load.Run(context.Background(), load.Options{
		URL:      server.URL,
		Shape:    workload.Constant{RPS: 200, For: time.Second},
		Arrivals: workload.Uniform,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.IntendedRequests != 200 || got.Requests != 200 || got.FailedRequests != 0 || served.Load() != 200 {
		t.Errorf("got %d intended, %d answered, %d failed, %d served, want 200, 200, 0, 200",
			got.IntendedRequests, got.Requests, got.FailedRequests, served.Load())
	}
	if got.BytesReceived != 5*200 {
		t.Errorf("bytes: got %d, want 1000", got.BytesReceived)
	}
	if got.Latency.P50 <= 0 || got.FirstByte.P50 <= 0 || got.FirstByte.P50 > got.Latency.P50 {
		t.Errorf("latency %v and first byte %v: want both, in order", got.Latency.P50, got.FirstByte.P50)
	}
}
