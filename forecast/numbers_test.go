package forecast_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/flyball-io/flyball/forecast"
)

func TestNumbersComeBackBitByBit(t *testing.T) {
	for _, want := range []forecast.Numbers[float64]{{}, {0}, {1.0 / 3, -1e300, 5e-324, math.MaxFloat64}} {
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got forecast.Numbers[float64]
		if err := json.Unmarshal(data, &got); err != nil || got == nil || !slices.Equal(got, want) {
			t.Errorf("%v comes back from %s as %v (%v)", want, data, got, err)
		}
	}
	small := forecast.Numbers[float32]{0.1, -1}
	data, err := json.Marshal(small)
	var got forecast.Numbers[float32]
	if err != nil || json.Unmarshal(data, &got) != nil || !slices.Equal(got, small) {
		t.Errorf("%v comes back from %s as %v (%v)", small, data, got, err)
	}
}

func TestWhatIsNoNumberIsRefused(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if data, err := json.Marshal(forecast.Numbers[float64]{1, bad}); err == nil {
			t.Errorf("%v is written as %s", bad, data)
		}
	}
	for what, text := range map[string]string{
		"no base64": `"%%%"`, "a list": `[1,2]`, "half a number": `"AAAAAA=="`, "infinite": `"AAAAAAAA8H8="`,
	} {
		got := forecast.Numbers[float64]{7}
		if err := json.Unmarshal([]byte(text), &got); err == nil || got[0] != 7 {
			t.Errorf("%s: got %v, want an error and no change", what, got)
		}
	}
}
