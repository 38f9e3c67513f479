package replicas

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/scale"
)

func backoff() Backoff {
	return Backoff{
		Min: scale.Duration(500 * time.Millisecond), Max: scale.Duration(30 * time.Second), ResetAfter: scale.Duration(time.Minute),
	}
}

// failed is a replica that was started at one time and ready at another (0:
// never).
func failed(started, ready int, message string) Failed {
	r := Failed{StartedAt: at(started), Kind: scale.CrashLoop, Message: message}
	if ready > 0 {
		r.ReadyAt = at(ready)
	}
	return r
}

func TestBackoffDoublesUpToItsLimit(t *testing.T) {
	var f Failures
	for i, want := range []time.Duration{
		500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second,
		16 * time.Second, 30 * time.Second, 30 * time.Second,
	} {
		now := at(100 * i)
		f.Add(now, failed(100*i, 0, "broke"), backoff())
		if got := f.RetryAt.Sub(now); got != want {
			t.Errorf("wait after failure %d: %v, want %v", i+1, got, want)
		}
	}
}

func TestReplicasOfOneWaveFailOnce(t *testing.T) {
	var f Failures
	f.Add(at(10), failed(1, 0, "broke"), backoff())
	for range 9 {
		f.Add(at(11), failed(2, 0, "broke"), backoff())
	}
	if f.InARow != 1 || !f.RetryAt.Equal(at(10).Add(500*time.Millisecond)) {
		t.Errorf("10 that were started together count as %d and wait until %v", f.InARow, f.RetryAt)
	}
	if _, loop := f.Condition(); loop {
		t.Error("one wave is called a loop")
	}
}

func TestOneThatWasReadyForLongIsReplacedAtOnce(t *testing.T) {
	for _, test := range []struct{ ready, ended, want int }{{5, 14, 1}, {5, 15, 0}} {
		var f Failures
		f.Add(at(test.ended), failed(1, test.ready, "broke"), backoff())
		if f.InARow != test.want {
			t.Errorf("ready at %d s, ended at %d s: counts %d, want %d", test.ready, test.ended, f.InARow, test.want)
		}
	}
}

func TestLoopIsToldWithItsLastFailure(t *testing.T) {
	var f Failures
	f.Add(at(10), failed(1, 0, "first"), backoff())
	f.Add(at(20), failed(12, 0, "web-1 ended by itself: exit status 3: no such table"), backoff())
	c, loop := f.Condition()
	if !loop || c.Type != "CrashLoop" || !c.Since.Equal(at(20)) || !strings.Contains(c.Message, "exit status 3: no such table") {
		t.Errorf("got %v %+v", loop, c)
	}
}

func TestFailuresAreForgotten(t *testing.T) {
	ready := func(started, since int) []Member {
		return []Member{{ID: "web-2", Ready: true, EverReady: true, StartedAt: at(started), Since: at(since)}}
	}
	for _, test := range []struct {
		rule    string
		there   []Member
		desired int
		want    time.Time
	}{
		{"not while nothing works", nil, 1, time.Time{}},
		{"not for one that was started before the failure", ready(9, 12), 2, time.Time{}},
		{"once one that was started after it was ready for resetAfter", ready(11, 20), 2, at(80)},
		{"once nothing was missing for resetAfter", ready(9, 12), 1, at(70)},
		{"also where none is desired", nil, 0, at(70)},
	} {
		var f Failures
		f.Add(at(10), failed(1, 0, "broke"), backoff())
		got := f.SettleAt(scene(test.desired, test.there...), backoff())
		if !got.Equal(test.want) {
			t.Errorf("%s: forgotten at %v, want %v", test.rule, got, test.want)
		}
	}
	var f Failures
	if got := f.SettleAt(scene(0), backoff()); !got.IsZero() {
		t.Errorf("without failures: %v", got)
	}
	f.Add(at(10), failed(1, 0, "broke"), backoff())
	if f.Settle(at(69), at(70)) || f.InARow != 1 {
		t.Error("forgotten before its time")
	}
	if !f.Settle(at(70), at(70)) || f.InARow != 0 || !f.RetryAt.IsZero() {
		t.Errorf("not forgotten in time: %+v", f)
	}
}

func TestSuccessorsCarryTheRestarts(t *testing.T) {
	var f Failures
	r := failed(1, 0, "broke")
	r.Restarts = 4
	f.Add(at(10), r, backoff())
	f.ForgetPredecessors(1)
	if got := f.Succeed(); got != 5 {
		t.Errorf("the successor of one with 4 restarts has %d, want 5", got)
	}
	if got := f.Succeed(); got != 0 {
		t.Errorf("the next one has %d, want 0", got)
	}
	f.Add(at(20), r, backoff())
	f.ForgetPredecessors(0)
	if got := f.Succeed(); got != 0 {
		t.Errorf("one that was started for another reason has %d restarts, want 0", got)
	}
}

func TestFailuresAreTheSameAfterTheyWereWrittenDown(t *testing.T) {
	var f Failures
	f.Add(at(10), failed(1, 0, "first"), backoff())
	f.Add(at(20), failed(12, 0, "second"), backoff())
	raw, err := json.Marshal(f.Trouble("hash"))
	if err != nil {
		t.Fatal(err)
	}
	var written Trouble
	if err := json.Unmarshal(raw, &written); err != nil {
		t.Fatal(err)
	}
	got := written.Restore(at(20), "hash", backoff())
	if diff := cmp.Diff(f, got); diff != "" {
		t.Errorf("restored (-before +after):\n%s", diff)
	}
	if got := written.Restore(at(20), "other", backoff()); got.InARow != 0 || got.Restarts != nil {
		t.Errorf("of another command: got %+v, want none", got)
	}
	var none *Trouble // as files of earlier versions have it
	if got := none.Restore(at(20), "hash", backoff()); got.InARow != 0 {
		t.Errorf("nothing written: got %+v, want none", got)
	}
}

// A clock that is put back by years must not stop starts for years.
func TestRestoredFailuresDoNotWaitLongerThanTheBackoff(t *testing.T) {
	written := Trouble{Config: "hash", Failures: Failures{InARow: math.MaxInt, Last: at(1e9), Since: at(1e9), RetryAt: at(1e9)}}
	f := written.Restore(at(0), "hash", backoff())
	if want := at(30); !f.RetryAt.Equal(want) || !f.Last.Equal(at(0)) || !f.Since.Equal(at(0)) {
		t.Errorf("got retry at %v, last %v, since %v; want %v, and the others now", f.RetryAt, f.Last, f.Since, want)
	}
	f.InARow-- // counting on must end soon, whatever the file said
	f.Count(at(40), scale.CrashLoop, "broke", backoff())
	if got := f.RetryAt.Sub(at(40)); got != 30*time.Second {
		t.Errorf("the next wait: got %v, want the longest, 30s", got)
	}
}

func TestWhatCannotPassByItselfIsToldAtOnce(t *testing.T) {
	var f Failures
	f.Add(at(10), Failed{StartedAt: at(9), Kind: "ImageMissing", Message: "no such image: web:2"}, backoff())
	c, told := f.Condition()
	if want := (scale.Condition{Type: "ImageMissing", Since: at(10), Message: "no such image: web:2"}); !told || c != want {
		t.Errorf("got %v %+v, want %+v", told, c, want)
	}
}

// Files of earlier versions do not say which kind of failure it was: there
// was one.
func TestFailuresWithoutAKindAreCrashes(t *testing.T) {
	written := Trouble{Config: "hash", Failures: Failures{InARow: 2, Message: "exit status 3"}}
	f := written.Restore(at(0), "hash", backoff())
	if c, told := f.Condition(); !told || c.Type != scale.CrashLoop {
		t.Errorf("got %v %+v, want a crash loop", told, c)
	}
}
