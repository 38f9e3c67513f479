package operator

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// An order that failed is told until one succeeds or none is wanted any more,
// however many decisions were made meanwhile.
func TestAnOrderThatFailsIsToldWhileItIsWanted(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	for _, tc := range []struct {
		what    string
		desired int // now, of five
		error   string
		want    string
	}{
		{"it failed and is still wanted", 9, "changed meanwhile", "False FailedUpdateScale"},
		{"it failed and is not wanted any more", 5, "changed meanwhile", "True ReadyForNewScale"},
		{"it succeeded", 9, "", "True ReadyForNewScale"},
	} {
		e := &entry{changed: &record.Applied{At: at, From: 5, To: 9, Error: tc.error},
			decided: &record.Decided{Mode: scale.Apply, Decision: scale.Decision{At: at.Add(7 * time.Second), CurrentReplicas: 5, DesiredReplicas: tc.desired}}}
		if c := e.able(); c.Status+" "+c.Reason != tc.want {
			t.Errorf("%s: %s %s (%s), want %s", tc.what, c.Status, c.Reason, c.Message, tc.want)
		}
	}
}
