package training

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is known at the beginning is told before anything is prepared.
func TestFaultsAreFoundBeforeAnythingIsPrepared(t *testing.T) {
	c, dir := small(t, "a2c"), t.TempDir()
	g := ground(t, c)
	stopEarly(t, Job{Config: c, Dir: dir, Ground: g, From: lentModel(t, c, g, 7)})
	whole := read(t, dir, checkpointFile)
	if err := (Job{Config: c, Dir: dir, Resume: true}).Check(); err != nil {
		t.Fatalf("nothing is wrong: got %v", err)
	}
	if err := (Job{Config: c, Dir: dir}).Check(); !errors.Is(err, ErrUnfinished) {
		t.Errorf("begun anew: got %v, want %v", err, ErrUnfinished)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	other, crowded := c, small(t, "ppo")
	other.Seed = 2
	crowded.Learner = []byte(`{"steps": 1, "minibatches": 9}`)
	lent := read(t, dir, InitFile)
	for _, one := range []struct {
		name             string
		cfg              Config
		checkpoint, init []byte
		want             string
	}{
		{"a damaged checkpoint", c, flipped, lent, "checksum does not fit; nothing can go on from it: take it away, and its seed begins anew"},
		{"one of another seed", other, whole, lent, "another configuration or seed"},
		{"a damaged model to begin with", c, whole, lent[:len(lent)/2], InitFile},
		{"no model to begin with", c, whole, nil, "was begun with another model"},
		{"more minibatches than rows", crowded, nil, nil, "learner: 9 minibatches of 1 steps of 8 copies"},
	} {
		for name, data := range map[string][]byte{checkpointFile: one.checkpoint, InitFile: one.init} {
			path := filepath.Join(dir, name)
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if data == nil {
				continue
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := (Job{Config: one.cfg, Dir: dir, Resume: true}).Check(); err == nil || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: got %v, want %q in it", one.name, err, one.want)
		}
	}
}

// So many episodes that there is no number for their steps are refused as episodes,
// as are those in which dqn learns nothing.
func TestEpisodesAreRefusedAsEpisodes(t *testing.T) {
	for _, one := range []struct {
		algorithm string
		n         int
		want      string
	}{
		{"ppo", 1 << 30, "episodes: must be 1 to 8333333, of 240 decisions each, got 1073741824"},
		{"ppo", mostSteps, "episodes: must be 1 to 8333333"},
		{"dqn", 41, "episodes: must be at least 42, of 240 decisions each: dqn learns nothing in the first 10000 steps"},
	} {
		c, err := Default(one.algorithm, onScaling)
		if err != nil {
			t.Fatal(err)
		}
		c.SetEpisodes(one.n)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), one.want) || strings.Contains(err.Error(), "steps: ") {
			t.Errorf("%d of %s: got %v, want %q and nothing of steps", one.n, one.algorithm, err, one.want)
		}
	}
}
