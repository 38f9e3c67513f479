// Package policytest holds the promises of policy.Policy as tests that every
// policy runs.
package policytest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Run checks the policy that newPolicy returns; each call returns a new one
// of the same configuration. other returns one whose memory does not fit: of another
// configuration that it depends on, or where it depends on none, of another kind.
func Run(t *testing.T, newPolicy, other func(t *testing.T) policy.Policy) {
	t.Run("same observations, same answers", func(t *testing.T) {
		a, b := newPolicy(t), newPolicy(t)
		for _, obs := range scaletest.Hostile(1, 300) {
			compare(t, obs, answer(a, obs), answer(b, obs))
		}
	})
	t.Run("restored in the middle it goes on as if never stopped", func(t *testing.T) {
		running := newPolicy(t)
		for i, obs := range scaletest.Hostile(2, 200) {
			restored := newPolicy(t)
			if err := restored.Restore(snapshot(t, running)); err != nil {
				t.Fatalf("restore before observation %d: %v", i, err)
			}
			want := answer(running, obs)
			compare(t, obs, want, answer(restored, obs))
			running = restored
		}
	})
	t.Run("restored after a quarter of an hour it takes no more away than a new one", func(t *testing.T) {
		for seed := range uint64(50) {
			before, after := afterGap(seed)
			running, restored, fresh := newPolicy(t), newPolicy(t), newPolicy(t)
			for _, obs := range before {
				answer(running, obs)
			}
			if err := restored.Restore(snapshot(t, running)); err != nil {
				t.Fatal(err)
			}
			is, was := answer(restored, after), answer(fresh, after)
			if was.Err != "" || was.Rec.Confidence == 0 || was.missing() > is.missing() {
				continue // the new one has yet to learn what the other one knows
			}
			if n, least := is.count(after), min(was.count(after), after.CurrentReplicas); n < least {
				t.Fatalf("seed %d: from %d to %d (%s), a new one says %d (%s)", seed, after.CurrentReplicas, n, is.Rec.Reason, was.count(after), was.Rec.Reason)
			}
		}
	})
	t.Run("a snapshot that does not fit is refused", func(t *testing.T) {
		p := newPolicy(t)
		for name, data := range map[string][]byte{
			"empty": nil, "garbage": []byte("{]"), "other kind": []byte(`{"kind":"x","version":1,"state":{}}`),
			"what another one remembers": snapshot(t, other(t)),
		} {
			if err := p.Restore(data); !errors.Is(err, scale.ErrSnapshot) {
				t.Errorf("%s: got %v, want ErrSnapshot", name, err)
			}
		}
	})
	t.Run("observations are read only", func(t *testing.T) {
		p := newPolicy(t)
		for _, obs := range scaletest.Hostile(3, 100) {
			before := mustJSON(t, withoutNaN(obs))
			_, _ = p.Recommend(obs)
			if after := mustJSON(t, withoutNaN(obs)); before != after {
				t.Fatalf("the policy changed its observation:\nbefore %s\nafter  %s", before, after)
			}
		}
	})
	t.Run("a recommendation is a count with a reason", func(t *testing.T) {
		p := newPolicy(t)
		for _, obs := range scaletest.Hostile(4, 500) {
			got := answer(p, obs)
			if got.Err == "" && (got.Rec.Replicas < 0 || got.Rec.Reason.String() == "") {
				t.Fatalf("got %d replicas because %q, want a count of at least 0 with a reason", got.Rec.Replicas, got.Rec.Reason)
			}
			if c := got.Rec.Confidence; !(c >= 0 && c <= 1) {
				t.Fatalf("got confidence %v, want 0..1", c)
			}
		}
	})
	t.Run("the count never falls while an essential signal is in doubt", func(t *testing.T) {
		p := newPolicy(t)
		for _, obs := range scaletest.Hostile(5, 500) {
			rec, err := p.Recommend(obs)
			if name := policy.InDoubt(obs, policy.Essential(p)); name != "" && err == nil && rec.Replicas < obs.CurrentReplicas {
				t.Fatalf("at %v from %d to %d (%s) without a trustworthy %s", obs.At, obs.CurrentReplicas, rec.Replicas, rec.Reason, name)
			}
		}
	})
	t.Run("a clock that was set back by a year is got over", func(t *testing.T) {
		old, fresh := newPolicy(t), newPolicy(t)
		before, after := scaletest.SetBack(5)
		for _, obs := range before {
			answer(old, obs)
		}
		for i, obs := range after {
			was, is := answer(fresh, obs), answer(old, obs)
			if i > len(after)-100 {
				compare(t, obs, was, is)
			}
		}
	})
	t.Run("without any signal there is no opinion", func(t *testing.T) {
		if len(newPolicy(t).Signals()) == 0 {
			return // it lives without signals
		}
		_, err := newPolicy(t).Recommend(scaletest.Observation(time.Second, 3))
		if !errors.Is(err, scale.ErrNoData) {
			t.Errorf("got %v, want ErrNoData", err)
		}
	})
}

type reply struct {
	Rec scale.Recommendation
	Err string
}

// off is how long the controller is off in a restart that takes time.
const off = 15 * time.Minute

// afterGap are observations, and one of a quarter of an hour later with much
// less to do.
func afterGap(seed uint64) (before []scale.Observation, after scale.Observation) {
	all := scaletest.Hostile(seed, 40)
	before, after = all[:39], scaletest.Shift(all[39:], off)[0]
	for i := range after.Signals {
		if s := &after.Signals[i]; s.Trust == scale.Fresh && len(s.Points) > 0 {
			s.Points[len(s.Points)-1].Value /= 100
		}
	}
	return before, after
}

// count is what becomes of an answer: without an opinion the count is held.
func (r reply) count(obs scale.Observation) int {
	if r.Err != "" {
		return obs.CurrentReplicas
	}
	return r.Rec.Replicas
}

// missing is how many proposals are.
func (r reply) missing() int {
	n := 0
	for _, p := range r.Rec.Proposals {
		if p.Missing {
			n++
		}
	}
	return n
}

func answer(p policy.Policy, obs scale.Observation) reply {
	rec, err := p.Recommend(obs)
	rec.Proposals = append([]scale.Proposal(nil), rec.Proposals...)
	if err != nil {
		return reply{Rec: rec, Err: err.Error()}
	}
	return reply{Rec: rec}
}

func compare(t *testing.T, obs scale.Observation, want, got reply) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Fatalf("at %v (-want +got):\n%s", obs.At, diff)
	}
}

func snapshot(t *testing.T, p policy.Policy) []byte {
	t.Helper()
	data, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// withoutNaN leaves out the signals that JSON cannot carry.
func withoutNaN(obs scale.Observation) scale.Observation {
	var kept []scale.Signal
	for _, s := range obs.Signals {
		if s.Trust != scale.Implausible {
			kept = append(kept, s)
		}
	}
	obs.Signals = kept
	return obs
}
