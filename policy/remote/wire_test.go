package remote_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func question() remote.Question {
	return remote.Question{Version: 1, Observation: scaletest.Observation(time.Minute, 4), Bounds: remote.Bounds{Min: 1, Max: 20}, Sync: scale.Duration(15 * time.Second)}
}

func TestAnswersThatAreRefused(t *testing.T) {
	q := question()
	at := q.Observation.At.Format(time.RFC3339Nano)
	good := `{"version":1,"target":"web","seenAt":"` + at + `","replicas":7,"confidence":0.5,"reason":"so"}`
	if a, err := remote.ReadAnswer([]byte(good), &q); err != nil || *a.Replicas != 7 {
		t.Fatalf("got %+v, %v, want 7 replicas", a, err)
	}
	for name, tc := range map[string]struct{ old, new, want string }{
		"not JSON":           {good, "<html>", "is no answer"},
		"cut off":            {`"reason":"so"}`, `"rea`, "is no answer"},
		"another version":    {`"version":1`, `"version":2`, "version: must be 1, got 2"},
		"another target":     {`"web"`, `"shop"`, "target"},
		"another moment":     {at, "2026-01-05T08:00:59Z", "seenAt"},
		"too many":           {`:7`, `:21`, "replicas: must be 1 to 20, got 21"},
		"none":               {`:7`, `:0`, "replicas: must be 1 to 20, got 0"},
		"less than none":     {`:7`, `:-7`, "replicas: must be 1 to 20, got -7"},
		"half a replica":     {`:7`, `:6.5`, "is no answer"},
		"very many":          {`:7`, `:1e99`, "is no answer"},
		"a number as text":   {`:7`, `:"7"`, "is no answer"},
		"no number":          {`:7`, `:NaN`, "is no answer"},
		"more than sure":     {`0.5`, `1.5`, "confidence"},
		"less than not sure": {`0.5`, `-1`, "confidence"},
	} {
		if _, err := remote.ReadAnswer([]byte(strings.Replace(good, tc.old, tc.new, 1)), &q); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
	if a, err := remote.ReadAnswer([]byte(strings.Replace(good, ":7", ":null", 1)), &q); err != nil || a.Replicas != nil {
		t.Errorf("no opinion: got %+v, %v, want an answer without a count", a, err)
	}
}

func TestQuestionsThatAreRefused(t *testing.T) {
	q := question()
	if err := q.Validate(); err != nil {
		t.Fatalf("got %v, want no fault", err)
	}
	for name, tc := range map[string]struct {
		change func(*remote.Question)
		want   string
	}{
		"version":    {func(q *remote.Question) { q.Version = 0 }, "version"},
		"no target":  {func(q *remote.Question) { q.Observation.Target = "" }, "observation.target"},
		"no moment":  {func(q *remote.Question) { q.Observation.At = time.Time{} }, "observation.at"},
		"replicas":   {func(q *remote.Question) { q.Observation.CurrentReplicas = -1 }, "currentReplicas"},
		"no bounds":  {func(q *remote.Question) { q.Bounds = remote.Bounds{} }, "bounds"},
		"too wide":   {func(q *remote.Question) { q.Bounds.Max = 1 << 40 }, "bounds"},
		"turned":     {func(q *remote.Question) { q.Bounds = remote.Bounds{Min: 5, Max: 4} }, "bounds"},
		"no pace":    {func(q *remote.Question) { q.Sync = 0 }, "sync"},
		"no promise": {func(q *remote.Question) { q.Objective = &scale.Objective{} }, "objective"},
	} {
		q := question()
		tc.change(&q)
		if err := q.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	q := question()
	f.Add([]byte(`{"version":1,"target":"web","seenAt":"2026-01-05T08:01:00Z","replicas":7,"confidence":0.5,"reason":"so"}`))
	f.Add([]byte(`{"version":1,"target":"web","seenAt":"2026-01-05T08:01:00Z","replicas":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := remote.ReadAnswer(data, &q)
		if err != nil {
			return
		}
		if a.Replicas != nil && (*a.Replicas < 1 || *a.Replicas > 20) || !(a.Confidence >= 0 && a.Confidence <= 1) {
			t.Errorf("took %+v", a)
		}
		if _, err := json.Marshal(a); err != nil {
			t.Error(err)
		}
	})
}
