package vertical_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/vertical"
)

func Example() {
	r := vertical.New(vertical.VPA(), nil)
	start := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	for minute := range 1440 {
		at := start.Add(time.Duration(minute) * time.Minute)
		_ = r.Add(vertical.Usage{Replica: "web-1", Container: "web", Resource: vertical.CPU, Start: at, Amount: vertical.CPU.Of(0.4)})
		_ = r.Add(vertical.Usage{Replica: "web-1", Container: "web", Resource: vertical.Memory, Start: at, Amount: vertical.Memory.Of(60e6)})
	}
	for _, e := range r.Recommend()[0].Estimates {
		fmt.Printf("%s %s (%s to %s): %s\n", e.Resource, e.Resource.Words(e.Target), e.Resource.Words(e.Lower), e.Resource.Words(e.Upper), e.Reason)
	}
	// Output:
	// cpu 476m (475m to 952m): p90 of CPU is 414m, with a margin of 15 % 476m
	// memory 250Mi (250Mi to 250Mi): 250Mi is the floor of 250Mi for a replica, not what is used; p90 of the highest memory of 24h is 64.9Mi, with a margin of 15 % 74.6Mi
}
