package memory_test

import (
	"context"
	"fmt"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target/memory"
)

func ExampleNew() {
	web := memory.New(memory.Config{Capacity: 2}, clock.System, nil)
	ctx := context.Background()
	if err := web.SetReplicas(ctx, 3); err != nil {
		fmt.Println(err)
	}
	status, err := web.Status(ctx)
	if err != nil {
		fmt.Println(err)
	}
	for _, r := range status.Replicas {
		fmt.Println(r.ID, r.Phase, r.TakesWork())
	}
	// Output:
	// memory-000001 running true
	// memory-000002 running true
	// memory-000003 pending false
}
