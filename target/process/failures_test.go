package process

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/scale"
)

func backoff() Backoff { return Default().Backoff }

// failed is a replica that was started at one time and ready at another (0:
// never).
func failed(started, ready int) *replica {
	r := &replica{id: "web-1", startedAt: at(started)}
	if ready > 0 {
		r.readyAt = at(ready)
	}
	return r
}

func TestBackoffDoublesUpToItsLimit(t *testing.T) {
	var f failures
	for i, want := range []time.Duration{
		500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second,
		16 * time.Second, 30 * time.Second, 30 * time.Second,
	} {
		now := at(100 * i)
		f.add(now, failed(100*i, 0), "broke", backoff())
		if got := f.retryAt.Sub(now); got != want {
			t.Errorf("wait after failure %d: %v, want %v", i+1, got, want)
		}
	}
}

func TestReplicasOfOneWaveFailOnce(t *testing.T) {
	var f failures
	f.add(at(10), failed(1, 0), "broke", backoff())
	for range 9 {
		f.add(at(11), failed(2, 0), "broke", backoff())
	}
	if f.inARow != 1 || !f.retryAt.Equal(at(10).Add(500*time.Millisecond)) {
		t.Errorf("10 that were started together count as %d and wait until %v", f.inARow, f.retryAt)
	}
	if _, loop := f.condition(); loop {
		t.Error("one wave is called a loop")
	}
}

func TestOneThatWasReadyForLongIsReplacedAtOnce(t *testing.T) {
	for _, test := range []struct{ ready, ended, want int }{{5, 14, 1}, {5, 15, 0}} {
		var f failures
		f.add(at(test.ended), failed(1, test.ready), "broke", backoff())
		if f.inARow != test.want {
			t.Errorf("ready at %d s, ended at %d s: counts %d, want %d", test.ready, test.ended, f.inARow, test.want)
		}
	}
}

func TestLoopIsToldWithItsLastFailure(t *testing.T) {
	var f failures
	f.add(at(10), failed(1, 0), "first", backoff())
	f.add(at(20), failed(12, 0), "web-1 ended by itself: exit status 3: no such table", backoff())
	c, loop := f.condition()
	if !loop || c.Type != "CrashLoop" || !c.Since.Equal(at(20)) || !strings.Contains(c.Message, "exit status 3: no such table") {
		t.Errorf("got %v %+v", loop, c)
	}
}

func TestFailuresAreForgotten(t *testing.T) {
	ready := func(started, since int) map[string]*replica {
		r := failed(started, since)
		r.readiness = scale.Readiness{Known: true, Ready: true, Since: at(since)}
		return map[string]*replica{"web-2": r}
	}
	for _, test := range []struct {
		rule     string
		replicas map[string]*replica
		complete bool
		want     time.Time
	}{
		{"not while nothing works", nil, false, time.Time{}},
		{"not for one that was started before the failure", ready(9, 12), false, time.Time{}},
		{"once one that was started after it was ready for resetAfter", ready(11, 20), false, at(80)},
		{"once nothing was missing for resetAfter", ready(9, 12), true, at(70)},
		{"also where none is desired", nil, true, at(70)},
	} {
		var f failures
		f.add(at(10), failed(1, 0), "broke", backoff())
		got := f.settleAt(test.replicas, test.complete, backoff())
		if !got.Equal(test.want) {
			t.Errorf("%s: forgotten at %v, want %v", test.rule, got, test.want)
		}
	}
	var f failures
	if got := f.settleAt(nil, true, backoff()); !got.IsZero() {
		t.Errorf("without failures: %v", got)
	}
	f.add(at(10), failed(1, 0), "broke", backoff())
	if f.settle(at(69), at(70)) || f.inARow != 1 {
		t.Error("forgotten before its time")
	}
	if !f.settle(at(70), at(70)) || f.inARow != 0 || !f.retryAt.IsZero() {
		t.Errorf("not forgotten in time: %+v", f)
	}
}

func TestSuccessorsCarryTheRestarts(t *testing.T) {
	var f failures
	r := failed(1, 0)
	r.restarts = 4
	f.add(at(10), r, "broke", backoff())
	f.forgetPredecessors(1)
	if got := f.succeed(); got != 5 {
		t.Errorf("the successor of one with 4 restarts has %d, want 5", got)
	}
	if got := f.succeed(); got != 0 {
		t.Errorf("the next one has %d, want 0", got)
	}
	f.add(at(20), r, "broke", backoff())
	f.forgetPredecessors(0)
	if got := f.succeed(); got != 0 {
		t.Errorf("one that was started for another reason has %d restarts, want 0", got)
	}
}

func TestFailuresAreTheSameAfterTheyWereWrittenDown(t *testing.T) {
	var f failures
	f.add(at(10), failed(1, 0), "first", backoff())
	f.add(at(20), failed(12, 0), "second", backoff())
	raw, err := json.Marshal(f.trouble("hash"))
	if err != nil {
		t.Fatal(err)
	}
	var written trouble
	if err := json.Unmarshal(raw, &written); err != nil {
		t.Fatal(err)
	}
	got := written.restore(at(20), "hash", backoff())
	if diff := cmp.Diff(f, got, cmp.AllowUnexported(failures{})); diff != "" {
		t.Errorf("restored (-before +after):\n%s", diff)
	}
	if got := written.restore(at(20), "other", backoff()); got.inARow != 0 || got.restarts != nil {
		t.Errorf("of another command: got %+v, want none", got)
	}
	var none *trouble // as files of earlier versions have it
	if got := none.restore(at(20), "hash", backoff()); got.inARow != 0 {
		t.Errorf("nothing written: got %+v, want none", got)
	}
}

// A clock that is put back by years must not stop starts for years.
func TestRestoredFailuresDoNotWaitLongerThanTheBackoff(t *testing.T) {
	written := trouble{Config: "hash", InARow: math.MaxInt, Last: at(1e9), Since: at(1e9), RetryAt: at(1e9)}
	f := written.restore(at(0), "hash", backoff())
	if want := at(30); !f.retryAt.Equal(want) || !f.last.Equal(at(0)) || !f.since.Equal(at(0)) {
		t.Errorf("got retry at %v, last %v, since %v; want %v, and the others now", f.retryAt, f.last, f.since, want)
	}
	f.inARow-- // counting on must end soon, whatever the file said
	f.count(at(40), "broke", backoff())
	if got := f.retryAt.Sub(at(40)); got != 30*time.Second {
		t.Errorf("the next wait: got %v, want the longest, 30s", got)
	}
}
