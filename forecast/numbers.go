package forecast

import (
	"encoding"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
)

// Numbers are many numbers in a snapshot: their bits in base64, 11 bytes each
// instead of up to 24, and read and written in a tenth of the time. The same
// bits come back.
type Numbers[T float32 | float64] []T

var (
	_ encoding.TextMarshaler   = Numbers[float64]{}
	_ encoding.TextUnmarshaler = (*Numbers[float64])(nil)
)

// MarshalText implements [encoding.TextMarshaler]. As in JSON, only finite
// numbers can be written.
func (n Numbers[T]) MarshalText() ([]byte, error) {
	if err := n.finite(); err != nil {
		return nil, err
	}
	raw, err := binary.Append(make([]byte, 0, binary.Size([]T(n))), binary.LittleEndian, []T(n))
	if err != nil {
		return nil, fmt.Errorf("write numbers: %w", err)
	}
	return base64.StdEncoding.AppendEncode(make([]byte, 0, base64.StdEncoding.EncodedLen(len(raw))), raw), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *Numbers[T]) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("read numbers: %w", err)
	}
	size := binary.Size(T(0))
	if len(raw)%size != 0 {
		return fmt.Errorf("read numbers: %d bytes are no numbers of %d each", len(raw), size)
	}
	numbers := make(Numbers[T], len(raw)/size)
	if _, err := binary.Decode(raw, binary.LittleEndian, []T(numbers)); err != nil {
		return fmt.Errorf("read numbers: %w", err)
	}
	if err := numbers.finite(); err != nil {
		return err
	}
	*n = numbers
	return nil
}

func (n Numbers[T]) finite() error {
	for i, v := range n {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("number %d of %d is %v: must be finite", i, len(n), v)
		}
	}
	return nil
}
