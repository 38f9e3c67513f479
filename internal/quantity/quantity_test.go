package quantity_test

import (
	"testing"

	"github.com/flyball-io/flyball/internal/quantity"
)

func TestAmountsOfMemory(t *testing.T) {
	for text, want := range map[string]float64{
		"512Mi": 512 << 20, "1.5G": 1.5e9, "7": 7, "2k": 2000, "1000T": 1e15,
		"": 0, "-1": 0, "1X": 0, "Mi": 0, "1ik": 0, "1e300G": 0, "NaN": 0, "Inf": 0, "1001T": 0,
	} {
		if got, err := quantity.Bytes(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
}

func FuzzBytes(f *testing.F) {
	for _, text := range []string{"512Mi", "1.5G", "0x10", "1_000", "1e400", "i"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := quantity.Bytes(text); err == nil && !(got >= 1 && got <= 1e15) {
			t.Errorf("%q: %v bytes", text, got)
		}
	})
}
