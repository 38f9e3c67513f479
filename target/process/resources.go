package process

import (
	"errors"
	"fmt"
	"math"

	"github.com/flyball-io/flyball/internal/quantity"
)

// Resources is what one replica is expected to use at most. Nothing keeps a
// replica from using more: utilization is the share of this that is used.
type Resources struct {
	CPU    float64 `json:"cpu,omitempty" jsonschema:"description=Cores one replica is expected to use at most; cpuUtilization is the share of them that is used,default=1"`
	Memory string  `json:"memory,omitempty" jsonschema:"description=Memory one replica is expected to use at most in bytes (512Mi or 1.5G); memoryUtilization is the share of it that is used and is not measured without it"`
}

// Bounds of what may be requested: a thousandth, which is the unit of
// [scale.Container], and far more than any machine has.
const minCores, maxCores = 0.001, 1e6

func (r Resources) validate() error {
	var errs []error
	if !(r.CPU >= minCores && r.CPU <= maxCores) {
		errs = append(errs, fmt.Errorf("resources.cpu: must be %v to %.0f cores, got %v", minCores, maxCores, r.CPU))
	}
	if _, err := r.bytes(); err != nil {
		errs = append(errs, fmt.Errorf("resources.memory: %w", err))
	}
	return errors.Join(errs...)
}

// bytes is the requested memory; 0 when none is.
func (r Resources) bytes() (float64, error) {
	if r.Memory == "" {
		return 0, nil
	}
	return quantity.Bytes(r.Memory)
}

// requests is what is requested in the words of [scale.Container]. The
// resources must have been validated.
func (r Resources) requests() map[string]int64 {
	all := map[string]int64{"cpu": int64(math.Round(1000 * r.CPU))}
	if bytes, err := r.bytes(); err == nil && bytes > 0 {
		all["memory"] = int64(math.Round(1000 * bytes))
	}
	return all
}
