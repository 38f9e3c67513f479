//go:build linux

package process_test

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/targettest"
)

func TestReplicasStartAndStop(t *testing.T) {
	w := newWorld(t, appConfig(t, nil), nil)
	w.Run()
	w.Set(3)
	s := w.Until("3 are ready", targettest.Ready(3))
	for _, r := range s.Replicas {
		resp, err := http.Get("http://" + r.Address)
		if err != nil {
			t.Fatalf("%s: %v", r.ID, err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(body), r.ID) {
			t.Errorf("%s at %s answers %q", r.ID, r.Address, body)
		}
	}
	w.Set(1)
	w.Until("1 is left", targettest.Ready(1))
	w.end()
	if left := owned(t, w.owner()); len(left) > 0 {
		t.Errorf("left after Stop: %v", left)
	}
}

func TestKilledReplicaIsReplaced(t *testing.T) {
	w := newWorld(t, appConfig(t, nil), nil)
	w.Run()
	w.Set(2)
	before := w.Until("2 are ready", targettest.Ready(2))
	victim := before.Replicas[0].ID
	if err := syscall.Kill(pidOf(t, w.owner(), victim), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	after := w.Until("another one is ready", func(s target.Status) bool { return targettest.Ready(2)(s) && !targettest.Has(s, victim) })
	if !targettest.Has(after, before.Replicas[1].ID) {
		t.Errorf("the other replica went too: %v, before %v", ids(after), ids(before))
	}
}

func TestStopWorksWhereNobodyRuns(t *testing.T) {
	w := newWorld(t, appConfig(t, nil), nil)
	w.Run()
	w.Set(2)
	w.Until("2 are ready", targettest.Ready(2))
	w.Leave()
	if got := len(owned(t, w.owner())); got != 2 {
		t.Fatalf("%d replicas after Run has ended, want 2: they stay", got)
	}
	w.end()
	if left := owned(t, w.owner()); len(left) > 0 {
		t.Errorf("left after Stop: %v", left)
	}
}

func ids(s target.Status) []string {
	var all []string
	for _, r := range s.Replicas {
		all = append(all, r.ID)
	}
	return all
}

func condition(s target.Status, kind string) (scale.Condition, bool) {
	for _, c := range s.Conditions {
		if c.Type == kind {
			return c, true
		}
	}
	return scale.Condition{}, false
}
