package builtin

import "github.com/flyball-io/flyball/scale"

// Signals names what the proxy measures of a target.
func Signals() []string {
	return []string{scale.Concurrency, scale.ErrorRate, scale.Latency, scale.QueueDepth, scale.RequestRate, scale.ViolationRatio}
}

// Signals names what Collect delivers.
func (*Proxy) Signals() []string { return Signals() }
