package replay_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// What a language model said was said of a service that another policy would have
// made another: it is marked, and no policy gets it. Failures are nothing to mark.
func TestRecordedAdviceIsOffPolicy(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	with := func(all ...*record.Advised) string {
		var l log
		for i := range 3 {
			when := at.Add(time.Duration(i) * time.Minute)
			l = append(l, record.Entry{ID: int64(len(l) + 1), Target: "shop", At: when, Decided: &record.Decided{Mode: scale.Apply, Decision: scale.Decision{Target: "shop", Policy: "advised", At: when, CurrentReplicas: 3, DesiredReplicas: 3}}})
		}
		for _, a := range all {
			l = append(l, record.Entry{ID: int64(len(l) + 1), Target: "shop", At: at.Add(3 * time.Minute), Event: &record.Event{Type: "AdviceGiven", Target: "shop", At: at, Advised: a}})
		}
		return strings.Join(historyOf(t, l).Notes, "\n")
	}
	if got := with(nil, &record.Advised{Error: "status 500"}); got != "" {
		t.Errorf("without an answer: got %q", got)
	}
	if got := with(&record.Advised{}, &record.Advised{Error: "status 500"}, &record.Advised{}); !strings.HasPrefix(got, "2 answers of language models in the record are off-policy") {
		t.Errorf("with two: got %q", got)
	}
}
