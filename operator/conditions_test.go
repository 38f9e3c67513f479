package operator

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/kubernetes"
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

// Whoever is to scale and finds another autoscaler at it does not scale, and looks
// for the reason here; one that only recommends never would.
func TestWhoeverScalesBesideAnotherIsNotAbleTo(t *testing.T) {
	for mode, want := range map[scale.Mode]string{scale.Apply: "False ScaledByOther: hpa/web scales it", scale.Recommend: "True ReadyForNewScale: a new count can be set when one is wanted"} {
		e := &entry{decided: &record.Decided{Mode: mode}, report: facts{conditions: []scale.Condition{{Type: kubernetes.ScaledByOther, Message: "hpa/web scales it"}}}}
		if c := e.able(); c.Status+" "+c.Reason+": "+c.Message != want {
			t.Errorf("%s: %s %s: %s, want %s", mode, c.Status, c.Reason, c.Message, want)
		}
	}
}

// Until something is decided nobody knows how many there are: a zero would be
// read as one. A zero that was seen is told.
func TestCountsAreToldOnceTheyAreKnown(t *testing.T) {
	for decided, want := range map[*record.Decided]string{
		nil:                 `{"observedGeneration":1,`,
		{Mode: scale.Apply}: `"currentReplicas":0,"desiredReplicas":0,"readyReplicas":0`,
	} {
		e := &entry{object: applied(t, "shop", "web", shop("web")), verdict: verdict{Runs: true, Reason: Running}, decided: decided}
		told, err := json.Marshal(e.compose(time.Unix(1_700_000_000, 0)))
		if err != nil || !strings.Contains(string(told), want) || decided == nil && strings.Contains(string(told), "Replicas\"") {
			t.Errorf("decided %v: told %s (%v)", decided, told, err)
		}
	}
}
