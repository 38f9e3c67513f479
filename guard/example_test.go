package guard_test

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// A guard may change the wanted count and must say so. Only changes that were
// really applied start a cooldown.
func ExampleCooldown() {
	g := guard.NewCooldown(guard.CooldownConfig{ScaleDown: scale.Duration(5 * time.Minute)})
	g.Applied(scaletest.At(0), 4, 10)
	n, reason := g.Limit(scaletest.Observation(time.Minute, 10), 6)
	fmt.Println(n, "-", reason)
	n, reason = g.Limit(scaletest.Observation(5*time.Minute, 10), 6)
	fmt.Println(n, reason)
	// Output:
	// 10 - 4m of 5m left since the last change; wanted 6
	// 6
}
