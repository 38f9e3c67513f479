package scale_test

import (
	"fmt"

	"github.com/flyball-io/flyball/scale"
)

// A reason is a template and its numbers; it becomes words when it is read.
func ExampleReason() {
	r := scale.Because("Target", "{n} {0} at {1} per replica: {2}", 31.234, 2.8, 12).About("concurrency")
	fmt.Println(r.Code, "-", r)
	fmt.Println(scale.Because("Cooldown", "{0s} of {1s} left", 42, 300))
	// Output:
	// Target - concurrency 31.2 at 2.8 per replica: 12
	// 42 s of 5m left
}
