package training

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl/scaling"
)

// stopEarly trains until the first point, and leaves a checkpoint.
func stopEarly(t testing.TB, job Job) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	job.Progress = func(Status) { stop() }
	if _, err := Train(ctx, job); !errors.Is(err, ErrStopped) {
		t.Fatalf("got %v, want that it was stopped", err)
	}
}

// What was begun is not lost to a flag that was forgotten.
func TestAnUnfinishedTrainingIsNotBegunAnew(t *testing.T) {
	testenv.Long(t)
	c, dir := small(t, "a2c"), t.TempDir()
	g := ground(t, c)
	g.history = true
	if b, err := ReadBegun(filepath.Join(dir, "not", "there")); err != nil || b != (Begun{}) {
		t.Errorf("of no folder: got %+v, %v", b, err)
	}
	stopEarly(t, Job{Config: c, Dir: dir, Ground: g})
	path := filepath.Join(dir, checkpointFile)
	if b, err := ReadBegun(dir); err != nil || b != (Begun{Unfinished: path, History: true, Kept: true}) {
		t.Errorf("got %+v, %v", b, err)
	}
	kept := read(t, dir, checkpointFile)
	other := c
	other.Seed = 2
	for _, cfg := range []Config{c, other} {
		if _, err := Train(t.Context(), Job{Config: cfg, Dir: dir, Ground: g}); !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want that the training in %s is not finished", err, path)
		}
	}
	if !bytes.Equal(read(t, dir, checkpointFile), kept) {
		t.Error("its checkpoint is another one")
	}
	train(t, Job{Config: c, Dir: dir, Ground: g, Resume: true})
	if b, err := ReadBegun(dir); err != nil || b.Unfinished != "" {
		t.Errorf("at its end: got %+v, %v", b, err)
	}
	train(t, Job{Config: c, Dir: dir, Ground: g})
}

// Of three seeds the last was not reached yet: that is no end either.
func TestSeedsThatWereNotReachedAreUnfinished(t *testing.T) {
	c, dir := small(t, "a2c"), t.TempDir()
	c.Seeds, c.Steps = 3, 600
	train(t, Job{Config: c, Dir: dir, Ground: ground(t, c)})
	if b, err := ReadBegun(dir); err != nil || b.Unfinished != "" {
		t.Fatalf("got %+v, %v", b, err)
	}
	if err := os.Remove(filepath.Join(dir, "seed-3", checkpointFile)); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadBegun(dir); err != nil || !strings.Contains(b.Unfinished, "seed-") {
		t.Errorf("got %+v, %v; want that it is not finished", b, err)
	}
}

// A checkpoint is of its loads and of the model that was begun with.
func TestACheckpointIsOfItsLoadsAndItsModel(t *testing.T) {
	testenv.Long(t)
	c, dir := small(t, "a2c"), t.TempDir()
	g := ground(t, c)
	stopEarly(t, Job{Config: c, Dir: dir, Ground: g, From: lentModel(t, c, g, 7)})

	turned := newGround(c, slices.Clone(g.Train), g.Judge)
	slices.Reverse(turned.Train)
	past := newGround(c, g.Train, g.Judge)
	past.history = true
	for _, one := range []*Ground{turned, past} {
		if _, err := Train(t.Context(), Job{Config: c, Dir: dir, Ground: one, Resume: true}); err == nil || !strings.Contains(err.Error(), "was begun on other loads") {
			t.Errorf("got %v, want that the loads are others", err)
		}
	}
	lent := read(t, dir, InitFile)
	if err := WriteModel(filepath.Join(dir, InitFile), lentModel(t, c, g, 8)); err != nil {
		t.Fatal(err)
	}
	if _, err := Train(t.Context(), Job{Config: c, Dir: dir, Ground: g, Resume: true}); err == nil || !strings.Contains(err.Error(), "was begun with another model") {
		t.Errorf("got %v, want that the model is another", err)
	}
	if err := os.WriteFile(filepath.Join(dir, InitFile), lent, 0o600); err != nil {
		t.Fatal(err)
	}
	model, _ := train(t, Job{Config: c, Dir: dir, Ground: g, Resume: true})
	once, _ := train(t, Job{Config: c, Dir: t.TempDir(), Ground: g, From: lentModel(t, c, g, 7)})
	if !bytes.Equal(model, once) {
		t.Error("resumed, it came to another model than in one go")
	}
}

// lentModel is a model that nobody trained.
func lentModel(t testing.TB, c Config, g *Ground, seed uint64) *learned.Model {
	t.Helper()
	l, err := newLearner(c, seed, mustEnvironment(t, c, seed, g))
	if err != nil {
		t.Fatal(err)
	}
	features, err := scaling.Survey(g.Train, c.Scaling, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return &learned.Model{Net: l.Policy(), Actions: c.Scaling.Actions, Features: features}
}
