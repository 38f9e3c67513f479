package evaluate

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/sim"
)

func TestTimelineIsReadAsItWasWritten(t *testing.T) {
	want := []sim.Moment{
		{At: 0, Desired: 3, Ready: 2, Billed: 4, RequestRate: 123.5, Utilization: 0.25, P95: 0.125},
		{At: 15500 * time.Millisecond, Desired: 5, Ready: 3, Billed: 5},
	}
	var b bytes.Buffer
	if err := WriteTimeline(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadTimeline(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-written +read):\n%s", diff)
	}
}

func TestTimelineOfAnotherProgram(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "line 1",
		"a,b\n1,2\n":                        "must be t_seconds",
		timelineHeader + "\n1,2\n":          "wrong number of fields",
		timelineHeader + "\n0,1,1,x,1,1,1":  "line 2, column 1: field 4",
		timelineHeader + "\n0,-1,1,1,1,1,1": "field 2",
	} {
		if _, err := ReadTimeline(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", text, err, want)
		}
	}
}
