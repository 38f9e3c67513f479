package rl_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/rltest"
)

// A checkpoint taken on the way goes on to the bytes of the run without a break,
// and to the same learning curve.
func TestACheckpointGoesOnToTheSameBytes(t *testing.T) {
	for _, w := range walkers() {
		t.Run(w.name, func(t *testing.T) {
			env := rltest.NewCorridor(8, 1)
			l := w.make(t, env)
			var middle []byte
			var at int
			var curve, resumed []rl.Progress
			learn(t, l, env, 6000, func(p rl.Progress) {
				if middle == nil && p.Steps >= 3000 {
					middle, at = checkpoint(t, l), p.Steps
				} else if middle != nil {
					curve = append(curve, p)
				}
			})
			other := rltest.NewCorridor(8, 99)
			again := w.make(t, other)
			if err := again.Resume(middle); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(checkpoint(t, again), middle) {
				t.Error("a checkpoint of what was just resumed differs")
			}
			learn(t, again, other, 6000-at, func(p rl.Progress) { resumed = append(resumed, p) })
			if !bytes.Equal(checkpoint(t, again), checkpoint(t, l)) {
				t.Error("the bytes differ from those of the run without a break")
			}
			if got, want := fmt.Sprint(resumed), fmt.Sprint(curve); got != want || len(curve) < 2 {
				t.Errorf("the curve goes on with %v, without a break with %v", got, want)
			}
		})
	}
}

func learn(t *testing.T, l rl.Learner, env rl.Environment, steps int, progress func(rl.Progress)) {
	t.Helper()
	if err := l.Learn(t.Context(), env, steps, progress); err != nil {
		t.Fatal(err)
	}
}

func checkpoint(t *testing.T, l rl.Learner) []byte {
	t.Helper()
	c, err := l.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Damaged, cut off, of another algorithm, configuration or size: refused with
// the reason, and the learner is as before.
func TestForeignCheckpointsAreRefused(t *testing.T) {
	env := rltest.NewCorridor(8, 1)
	all := walkers()
	good := map[string][]byte{}
	for _, w := range all {
		good[w.name] = checkpoint(t, w.make(t, env))
	}
	for _, w := range all {
		l := w.make(t, env)
		own := good[w.name]
		damaged := slices.Clone(own)
		damaged[len(damaged)/2] ^= 1
		other := "a2c"
		if w.name == other {
			other = "ppo"
		}
		for _, tc := range []struct {
			name, want string
			data       []byte
		}{
			{"empty", "not a checkpoint", nil},
			{"foreign", "not a checkpoint", []byte("GIF89a")},
			{"the beginning alone", "truncated or damaged", own[:24]},
			{"cut off", "truncated or damaged", own[:len(own)-7]},
			{"damaged", "truncated or damaged", damaged},
			{"of another algorithm", "it is of " + other, good[other]},
			{"of another environment", "it is for an environment of", checkpoint(t, w.make(t, rltest.NewCorridor(9, 1)))},
		} {
			if err := l.Resume(tc.data); !errors.Is(err, rl.ErrCheckpoint) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s, %s: %v, want %q", w.name, tc.name, err, tc.want)
			}
		}
		if !bytes.Equal(checkpoint(t, l), own) {
			t.Errorf("%s: a refused checkpoint changed the learner", w.name)
		}
	}
	config := rl.DefaultPPO()
	one, _ := rl.NewPPO(config, env)
	config.Rate *= 2
	two, _ := rl.NewPPO(config, env)
	if err := two.Resume(checkpoint(t, one)); err == nil || !strings.Contains(err.Error(), "of the configuration") {
		t.Errorf("of another configuration: %v", err)
	}
}
