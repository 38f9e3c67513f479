// Package quantity reads amounts as Kubernetes writes them, so that they mean
// the same wherever a document may have one.
package quantity

import (
	"fmt"
	"strconv"
	"strings"
)

// The least and the most of an amount of memory: far more than any machine has.
const minBytes, maxBytes = 1, 1e15

// Bytes reads an amount of memory: a number of bytes, or of a power of 1000
// (k, M, G, T) or of 1024 (Ki, Mi, Gi, Ti).
func Bytes(text string) (float64, error) {
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
