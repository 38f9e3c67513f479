package builtin_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/internal/clock"
)

// A request that comes while no replica is ready is held until one is.
func Example() {
	proxy, err := builtin.New(builtin.Default(), clock.System, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	front := httptest.NewServer(proxy)
	defer front.Close()
	replica := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "hello from the first replica")
	}))
	defer replica.Close()

	answer := make(chan string)
	go func() {
		response, err := http.Get(front.URL)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	_ = proxy.SetBackends(context.Background(), []balancer.Backend{{ID: "web-1", Address: replica.Listener.Addr().String()}})
	fmt.Println(<-answer)

	all, _ := proxy.Backends(context.Background())
	fmt.Println(all[0].ID, all[0].State, all[0].Failures)
	// Output:
	// hello from the first replica
	// web-1 active 0
}
