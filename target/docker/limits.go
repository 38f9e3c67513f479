package docker

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/internal/quantity"
)

// Limits is what one replica may use at most; the engine sees to it.
type Limits struct {
	CPUs   float64 `json:"cpus,omitempty" jsonschema:"description=Cores one replica may use at most,minimum=0"`
	Memory string  `json:"memory,omitempty" jsonschema:"description=Memory one replica may use at most in bytes (512Mi or 1.5G)"`
}

// Bounds of limits: the least that an engine takes, and far more than any
// machine has.
const (
	minCores, maxCores = 0.01, 1e6
	minBytes           = 6 << 20
)

func (l Limits) validate() error {
	var errs []error
	if l.CPUs != 0 && !(l.CPUs >= minCores && l.CPUs <= maxCores) {
		errs = append(errs, fmt.Errorf("limits.cpus: must be %v to %.0f cores, got %v", minCores, maxCores, l.CPUs))
	}
	if _, err := l.bytes(); err != nil {
		errs = append(errs, fmt.Errorf("limits.memory: %w", err))
	}
	return errors.Join(errs...)
}

// bytes is the limit of memory; 0 when there is none.
func (l Limits) bytes() (int64, error) {
	if l.Memory == "" {
		return 0, nil
	}
	bytes, err := quantity.Bytes(l.Memory)
	if err == nil && bytes < minBytes {
		err = fmt.Errorf("must be at least 6Mi, the least that an engine takes, got %q", l.Memory)
	}
	return int64(bytes), err
}

// requests are the limits in the words of [scale.Container]: thousandths of
// cores and bytes.
func (l Limits) requests() map[string]int64 {
	all := map[string]int64{}
	if l.CPUs > 0 {
		all["cpu"] = int64(math.Round(1000 * l.CPUs))
	}
	if bytes, err := l.bytes(); err == nil && bytes > 0 {
		all["memory"] = 1000 * bytes
	}
	return all
}

// validPorts is true of a port and of first-last.
func validPorts(text string) bool { return countPorts(text) > 0 }

// published is how many replicas find a port of the host; 0: the engine chooses
// ports, or none is needed.
func (c *Config) published() int {
	if c.Address != AtPublished {
		return 0
	}
	return countPorts(c.Publish)
}

// countPorts is how many a port or first-last names; 0 where it is neither.
func countPorts(text string) int {
	head, tail, isRange := strings.Cut(text, "-")
	if !isRange {
		tail = head
	}
	first, errFirst := strconv.ParseUint(head, 10, 16)
	last, errLast := strconv.ParseUint(tail, 10, 16)
	if errFirst != nil || errLast != nil || first < 1 || last < first {
		return 0
	}
	return int(last-first) + 1
}
