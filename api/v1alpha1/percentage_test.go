package v1alpha1_test

import (
	"encoding/json"
	"testing"

	"github.com/flyball-io/flyball/api/v1alpha1"
)

func TestPercentageIsWrittenAsItWasRead(t *testing.T) {
	for text, share := range map[string]float64{
		"99.9%": 0.999, "95%": 0.95, "99.99%": 0.9999, "100%": 1, "0%": 0, "0.1%": 0.001, "33.333333333%": 0.33333333333, "7%": 0.07,
	} {
		p, err := v1alpha1.ParsePercentage(text)
		if err != nil || p.Share() != share || p.String() != text {
			t.Errorf("%s: got %v (%v), %v; want the share %v", text, p, p.Share(), err, share)
		}
	}
}

func TestPercentageNeedsItsSign(t *testing.T) {
	for _, text := range []string{`99.9`, `"99.9"`, `0.999`, `"-1%"`, `"1e2%"`, `" 5%"`, `"99.9 %"`, `""`, `null`} {
		p := v1alpha1.Percentage(0.5)
		if err := json.Unmarshal([]byte(text), &p); err == nil || p != 0.5 {
			t.Errorf("%s: got %v, %v; want an error and nothing changed", text, p, err)
		}
	}
}
