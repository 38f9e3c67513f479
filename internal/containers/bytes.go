package containers

import "github.com/flyball-io/flyball/internal/quantity"

// ParseBytes is [quantity.Bytes].
func ParseBytes(text string) (float64, error) { return quantity.Bytes(text) }
