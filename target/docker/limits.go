package docker

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
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
	minBytes, maxBytes = 6 << 20, 1e15
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
	number := strings.TrimRight(l.Memory, "kKMGTi")
	factors := map[string]float64{
		"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
	}
	factor, known := factors[l.Memory[len(number):]]
	amount, err := strconv.ParseFloat(number, 64)
	if bytes := amount * factor; known && err == nil && bytes >= minBytes && bytes <= maxBytes {
		return int64(bytes), nil
	}
	return 0, fmt.Errorf("must be 6Mi to 1000T, a number with k, M, G, T, Ki, Mi, Gi or Ti, for example 512Mi, got %q", l.Memory)
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
func validPorts(text string) bool {
	head, tail, isRange := strings.Cut(text, "-")
	if !isRange {
		tail = head
	}
	first, errFirst := strconv.ParseUint(head, 10, 16)
	last, errLast := strconv.ParseUint(tail, 10, 16)
	return errFirst == nil && errLast == nil && first >= 1 && last >= first
}
