// Package example is the policy of docs/first-policy.md: small enough to read
// in a minute, complete enough to run. It is not registered.
package example

import (
	"fmt"
	"math"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// Config of the policy.
type Config struct {
	// PerReplica is how many requests in progress one replica handles well.
	PerReplica float64 `json:"perReplica" jsonschema:"description=requests in progress that one replica handles well"`
}

// Default is one request at a time.
func Default() Config { return Config{PerReplica: 1} }

// Validate reports every fault.
func (c Config) Validate() error {
	if !(c.PerReplica > 0) {
		return fmt.Errorf("perReplica: must be above 0, got %v", c.PerReplica)
	}
	return nil
}

// Policy wants one replica for every PerReplica requests in progress.
type Policy struct{ cfg Config }

// New returns the policy for a valid configuration.
func New(cfg Config, _ policy.Env) (*Policy, error) { return &Policy{cfg}, nil }

// Signals names the one signal the policy reads.
func (p *Policy) Signals() []string { return []string{scale.Concurrency} }

// Recommend divides the load by what one replica handles.
func (p *Policy) Recommend(obs scale.Observation) (scale.Recommendation, error) {
	load, ok := obs.Last(scale.Concurrency)
	if !ok {
		return scale.Recommendation{}, fmt.Errorf("example: no concurrency: %w", scale.ErrNoData)
	}
	want := int(min(math.Ceil(load/p.cfg.PerReplica), math.MaxInt32))
	reason := scale.Because("Load", "{0} in progress at {1} per replica: {2}", load, p.cfg.PerReplica, float64(want))
	return scale.Recommendation{Replicas: want, Reason: reason, Confidence: 1}, nil
}

// Snapshot returns an empty memory: the policy has none.
func (p *Policy) Snapshot() ([]byte, error) { return scale.Seal("example", 1, p.cfg, struct{}{}) }

// Restore checks that the snapshot is of the same configuration.
func (p *Policy) Restore(s []byte) error { return scale.Unseal(s, "example", 1, p.cfg, &struct{}{}) }
