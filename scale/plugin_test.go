package scale_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/scale"
)

func TestPluginIsAnObjectWithOneKey(t *testing.T) {
	for _, text := range []string{`{"hpa":{"cpuUtilization":70}}`, `{"hpa":{}}`, `{}`} {
		var p scale.Plugin
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again, err := json.Marshal(p); err != nil || string(again) != text {
			t.Errorf("%s read and written: %s, %v", text, again, err)
		}
	}
	for text, want := range map[string]string{
		`{"kpa":{},"hpa":{}}`: "exactly one key, got 2: hpa, kpa",
		`["hpa"]`:             "must be an object",
	} {
		p := scale.Plugin{Kind: "kept"}
		err := json.Unmarshal([]byte(text), &p)
		if err == nil || !strings.Contains(err.Error(), want) || p.Kind != "kept" {
			t.Errorf("%s: got %v and %q, want an error with %q and nothing changed", text, err, p.Kind, want)
		}
	}
}

func TestDurationsThatDoNotFitAreRefused(t *testing.T) {
	for _, text := range []string{"200000d", "106751d24h", "-200000d", "nand", "infd", "9999999999h", "d", ""} {
		if d, err := scale.ParseDuration(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, d)
		}
	}
}
