package forecasttest

import (
	"encoding/json"
	"testing"

	"github.com/flyball-io/flyball/scale"
)

// edited is a snapshot with an envelope that was tampered with.
func edited(t *testing.T, data []byte, change func(*scale.Snapshot)) []byte {
	t.Helper()
	var s scale.Snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	change(&s)
	out, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
