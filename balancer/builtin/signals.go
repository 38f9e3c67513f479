package builtin

import "github.com/flyball-io/flyball/scale"

// Signals names all that a proxy may measure of a target.
func Signals() []string {
	return append(general(), scale.RunningRequests, scale.TimeToFirstToken, scale.TokensPerSecond)
}

// general are those of any service.
func general() []string {
	return []string{scale.Concurrency, scale.ErrorRate, scale.Latency, scale.QueueDepth, scale.RequestRate, scale.ViolationRatio}
}

// signals are those that are measured with a configuration.
func (c *Config) signals() []string {
	if c.Inference == nil {
		return general()
	}
	return Signals()
}

// Signals names what Collect delivers.
func (p *Proxy) Signals() []string { return p.cfg.signals() }
