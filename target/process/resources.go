package process

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Resources is what one replica is expected to use at most. Nothing keeps a
// replica from using more: utilization is the share of this that is used.
type Resources struct {
	CPU    float64 `json:"cpu,omitempty" jsonschema:"description=Cores one replica is expected to use at most; cpuUtilization is the share of them that is used,default=1"`
	Memory string  `json:"memory,omitempty" jsonschema:"description=Memory one replica is expected to use at most in bytes (512Mi or 1.5G); memoryUtilization is the share of it that is used and is not measured without it"`
}

// Bounds of what may be requested: a thousandth, which is the unit of
// [scale.Container], and far more than any machine has.
const (
	minCores, maxCores = 0.001, 1e6
	minBytes, maxBytes = 1, 1e15
)

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
	return parseBytes(r.Memory)
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

// parseBytes reads an amount of memory as Kubernetes writes it: a number of
// bytes, or of a power of 1000 (k, M, G, T) or of 1024 (Ki, Mi, Gi, Ti).
func parseBytes(text string) (float64, error) {
	number := strings.TrimRight(text, "kKMGTi")
	factors := map[string]float64{
		"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
	}
	factor, known := factors[text[len(number):]]
	amount, err := strconv.ParseFloat(number, 64)
	if bytes := amount * factor; known && err == nil && bytes >= minBytes && bytes <= maxBytes {
		return bytes, nil
	}
	return 0, fmt.Errorf("must be 1 byte to 1000T, a number with k, M, G, T, Ki, Mi, Gi or Ti, for example 512Mi, got %q", text)
}
