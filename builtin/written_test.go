package builtin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/guard"
)

func TestWhatIsWrittenOnACommandLineIsAPlugin(t *testing.T) {
	for text, want := range map[string]string{
		"hpa":                     `{"hpa":{}}`,
		"hpa:":                    `{"hpa":{}}`,
		"hpa:cpuUtilization=70":   `{"hpa":{"cpuUtilization":70}}`,
		"kpa:metric=rps,target=9": `{"kpa":{"metric":"rps","target":9}}`,
		"kpa:stableWindow=30s":    `{"kpa":{"stableWindow":"30s"}}`,
		`kpa:metric="rps"`:        `{"kpa":{"metric":"rps"}}`,
		"threshold:cpuUtilization.up=60,cpuUtilization.down=20":          `{"threshold":{"cpuUtilization":{"down":20,"up":60}}}`,
		`hpa:metrics=[{"signal":"a,]b","averageValue":1}],tolerance=0.2`: `{"hpa":{"metrics":[{"signal":"a,]b","averageValue":1}],"tolerance":0.2}}`,
	} {
		w, err := builtin.ParseWritten(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := json.Marshal(w.Plugin()); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"hpa:tolerance":         "key=value",
		"hpa:=3":                "key=value",
		"hpa:a=1,a=2":           "a: is given twice",
		"hpa:a=1,a.b=2":         "a has a value already",
		"hpa:a.b=1,a.b=2":       "a.b: is given twice",
		"hpa:tolerance=0.2,,,,": "key=value",
	} {
		if _, err := builtin.ParseWritten(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestAFieldThatIsTakenIsGone(t *testing.T) {
	w, err := builtin.ParseWritten("hpa:cpuUtilization=60,behavior.scaleDown.stabilizationWindowSeconds=0")
	if err != nil {
		t.Fatal(err)
	}
	again, behavior := w.Clone(), guard.BehaviorConfig{}
	if err := w.Take("behavior", &behavior); err != nil || *behavior.ScaleDown.StabilizationWindowSeconds != 0 {
		t.Errorf("behavior: got %+v, %v", behavior, err)
	}
	if err := w.Take("behavior", &behavior); err != nil {
		t.Errorf("taken twice: got %v, want nothing", err)
	}
	if err := again.Set("behavior.scaleDown.rate", 3); err != nil {
		t.Fatal(err)
	}
	if got := again.Parameters(); got != "behavior.scaleDown.rate=3,behavior.scaleDown.stabilizationWindowSeconds=0,cpuUtilization=60" {
		t.Errorf("as it is written: got %s", got)
	}
	if err := again.Take("behavior", &behavior); err == nil || !strings.HasPrefix(err.Error(), "behavior: ") || !strings.Contains(err.Error(), "rate") {
		t.Errorf("an unknown field: got %v, want an error that names it", err)
	}
	if got := strings.Join(w.Keys(), " "); got != "cpuUtilization" {
		t.Errorf("left: got %q, want cpuUtilization", got)
	}
}
