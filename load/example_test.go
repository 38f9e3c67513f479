package load_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/workload"
)

// Two seconds at 25 requests per second.
func ExampleRun() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()

	result, err := load.Run(context.Background(), load.Options{
		URL:       server.URL,
		Shape:     workload.Constant{RPS: 25, For: 2 * time.Second},
		Arrivals:  workload.Uniform,
		Threshold: 10 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d of %d sent, %d failed, %v %% violations\n",
		result.Sent, result.IntendedRequests, result.FailedRequests, 100*result.ViolationRatio)
	// Output: 50 of 50 sent, 0 failed, 0 % violations
}
