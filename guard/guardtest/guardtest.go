// Package guardtest holds the promises of guard.Guard as tests that every
// guard runs.
package guardtest

import (
	"errors"
	"testing"
	"time"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"pgregory.net/rapid"
)

// Promise is what a guard promises beyond the contract.
type Promise struct {
	// BetweenCurrentAndWanted: the result never lies outside the current and
	// the wanted count. False for guards with limits of their own.
	BetweenCurrentAndWanted bool
	// LastsForHours: what it remembers counts for longer than a restart takes,
	// so it may allow less after one than a new guard would.
	LastsForHours bool
}

// off is how long the controller is off in a restart that takes time: longer
// than any window of the guards that are tested.
const off = 15 * time.Minute

// Run checks the guard that newGuard returns; each call returns a new one of
// the same configuration. other returns one whose memory does not fit: of another
// configuration that it depends on, or where it depends on none, of another kind.
func Run(t *testing.T, promise Promise, newGuard, other func() guard.Guard) {
	t.Run("a change has a reason, no change has none", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			play(t, newGuard(), func(_ guard.Guard, _ scale.Observation, want, got int, reason scale.Reason) {
				if (got != want) != (reason.String() != "") {
					t.Fatalf("%d → %d with reason %q", want, got, reason)
				}
			})
		})
	})
	t.Run("asking again with the answer gives the answer", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			play(t, newGuard(), func(g guard.Guard, obs scale.Observation, want, got int, _ scale.Reason) {
				if again, reason := g.Limit(obs, got); again != got {
					t.Fatalf("%d → %d, then %d → %d (%s)", want, got, got, again, reason)
				}
			})
		})
	})
	if promise.BetweenCurrentAndWanted {
		t.Run("the result lies between the current and the wanted count", func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				play(t, newGuard(), func(_ guard.Guard, obs scale.Observation, want, got int, reason scale.Reason) {
					if got < min(want, obs.CurrentReplicas) || got > max(want, obs.CurrentReplicas) {
						t.Fatalf("at %d replicas %d → %d (%s)", obs.CurrentReplicas, want, got, reason)
					}
				})
			})
		})
	}
	t.Run("restored at every step it answers as if never stopped", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			running, restored := newGuard(), newGuard()
			play(t, running, func(_ guard.Guard, obs scale.Observation, want, got int, _ scale.Reason) {
				restored = restore(t, restored, newGuard())
				if replayed, reason := restored.Limit(obs, want); replayed != got {
					t.Fatalf("running: %d → %d, restored: %d (%s)", want, got, replayed, reason)
				}
			}, func(at time.Time, from, to int) { restored.Applied(at, from, to) })
		})
	})
	if !promise.LastsForHours {
		t.Run("restored after a quarter of an hour it takes no more away than a new one", func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				running := newGuard()
				play(t, running, func(guard.Guard, scale.Observation, int, int, scale.Reason) {})
				restored, fresh := restore(t, running, newGuard()), newGuard()
				for _, obs := range scaletest.Shift(scaletest.Hostile(rapid.Uint64().Draw(t, "seed after"), 10), 25*30*time.Second+off) {
					want := rapid.IntRange(0, 40).Draw(t, "want after")
					was, _ := fresh.Limit(obs, want)
					if is, reason := restored.Limit(obs, want); is < min(was, obs.CurrentReplicas) {
						t.Fatalf("at %d replicas %d → %d (%s), a new guard says %d", obs.CurrentReplicas, want, is, reason, was)
					}
				}
			})
		})
	}
	t.Run("a clock that was set back by a year is got over", func(t *testing.T) {
		old, fresh := newGuard(), newGuard()
		before, after := scaletest.SetBack(5)
		for _, obs := range before {
			n, _ := old.Limit(obs, 20)
			old.Applied(obs.At, obs.CurrentReplicas, n)
		}
		for i, obs := range after {
			want := i % 15
			was, _ := fresh.Limit(obs, want)
			if is, reason := old.Limit(obs, want); i > len(after)-100 && is != was {
				t.Fatalf("%v after the clock was set back: %d → %d (%s), a new guard says %d", obs.At.Sub(after[0].At), want, is, reason, was)
			}
		}
	})
	t.Run("a snapshot that does not fit is refused", func(t *testing.T) {
		foreign, err := other().Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{"empty": nil, "garbage": []byte("]"), "what another one remembers": foreign} {
			if err := newGuard().Restore(data); !errors.Is(err, scale.ErrSnapshot) {
				t.Errorf("%s: got %v, want ErrSnapshot", name, err)
			}
		}
	})
}

// play drives g through hostile observations and wishes. After each answer
// and its check, sometimes the change is applied; applied hears of it too.
func play(t *rapid.T, g guard.Guard, check func(g guard.Guard, obs scale.Observation, want, got int, reason scale.Reason),
	applied ...func(at time.Time, from, to int)) {
	for _, obs := range scaletest.Hostile(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 25).Draw(t, "length")) {
		want := rapid.IntRange(0, 40).Draw(t, "want")
		got, reason := g.Limit(obs, want)
		check(g, obs, want, got, reason)
		if !rapid.Bool().Draw(t, "applied") {
			continue
		}
		for _, tell := range append(applied, g.Applied) {
			tell(obs.At, obs.CurrentReplicas, got)
		}
	}
}

func restore(t *rapid.T, from, into guard.Guard) guard.Guard {
	data, err := from.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := into.Restore(data); err != nil {
		t.Fatal(err)
	}
	return into
}
