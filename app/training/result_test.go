package training

import (
	"errors"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/policy/learned"
)

// A model that is begun with and that costs more than the base is not what is kept:
// the base itself is.
func TestWhatIsWorseThanTheBaseIsNotKept(t *testing.T) {
	testenv.Long(t)
	c := small(t, "a2c")
	c.Learner = []byte(`{"rate": 1e-12}`) // it stays what it begins with
	g := ground(t, c)
	from := lentModel(t, c, g, 7)
	_, biases := from.Net.Weights(1)
	biases[0] = 50 // always the least
	if v := g.judge(c.Scaling.Actions, from.Net, float64(c.Care)); v.OverBase < 1.05 {
		t.Fatalf("it costs %.3f × what the base does: nothing is shown", v.OverBase)
	}
	r, err := Train(t.Context(), Job{Config: c, Dir: t.TempDir(), Ground: g, From: from})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.Verdict.OverBase-1) > 1e-9 || len(r.Seeds) != 1 || r.Seeds[0].BestAfter != 0 || r.Seeds[0].Steps < c.Steps || !r.Seeds[0].Kept {
		t.Errorf("got %+v, %+v; want the base's own cost, and that no step came to less", r.Verdict, r.Seeds)
	}
}

// The best of several seeds and what each came to.
func TestWhatEachSeedCameTo(t *testing.T) {
	testenv.Long(t)
	c := small(t, "a2c")
	c.Seeds, c.Ahead, c.Steps = 3, 0, 1200
	r, err := Train(t.Context(), Job{Config: c, Dir: t.TempDir(), Ground: ground(t, c)})
	if err != nil || len(r.Seeds) != 3 {
		t.Fatalf("got %+v, %v; want three", r.Seeds, err)
	}
	for i, s := range r.Seeds {
		if s.Seed != uint64(i+1) || s.Steps < c.Steps || s.Kept != (s.Seed == r.Seed) || s.Judged.OverBase < r.Verdict.OverBase || s.BestAfter > s.Steps {
			t.Errorf("got %+v beside seed %d with %+v", s, r.Seed, r.Verdict)
		}
	}
}

// What took longest to come to is there also where a picture cannot be drawn.
func TestAPictureThatFailsCostsNoModel(t *testing.T) {
	testenv.Long(t)
	c, dir := small(t, "a2c"), t.TempDir()
	c.Steps = 1200
	if err := os.MkdirAll(filepath.Join(dir, "cost.png", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := Train(t.Context(), Job{Config: c, Dir: dir, Ground: ground(t, c)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadModel(filepath.Join(dir, ModelFile)); err != nil {
		t.Errorf("the model: %v", err)
	}
	if len(r.Undrawn) != 1 || !strings.HasPrefix(r.Undrawn[0], "cost: ") || !slices.Contains(r.Pictures, "violations") || slices.Contains(r.Pictures, "cost") {
		t.Errorf("drawn %v, undrawn %q; want that cost alone failed", r.Pictures, r.Undrawn)
	}
}

// A candidate has to win before it is the model.
func TestACandidateIsNoModelYet(t *testing.T) {
	testenv.Long(t)
	c, dir := small(t, "a2c"), t.TempDir()
	c.Steps = 1200
	if _, err := Train(t.Context(), Job{Config: c, Dir: dir, Ground: ground(t, c), Candidate: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadModel(filepath.Join(dir, CandidateFile)); err != nil {
		t.Errorf("the candidate: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, ModelFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the model is there: %v", err)
	}
}

// A training that cannot write goes on later from its checkpoint.
func TestATrainingThatCannotWriteGoesOn(t *testing.T) {
	testenv.Long(t)
	c, dir := small(t, "a2c"), t.TempDir()
	g, blocked := ground(t, c), filepath.Join(dir, SummaryFile)
	if err := os.MkdirAll(filepath.Join(blocked, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Train(t.Context(), Job{Config: c, Dir: dir, Ground: g}); !errors.Is(err, ErrBrokenOff) || !strings.Contains(err.Error(), SummaryFile) {
		t.Fatalf("got %v, want that it was broken off and what it could not write", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("%v: %v is left", err, left)
	}
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	model, _ := train(t, Job{Config: c, Dir: dir, Ground: g, Resume: true})
	if m, err := learned.Read(model); err != nil || m.Origin.Steps < c.Steps {
		t.Errorf("%v: resumed, it came to %+v", err, m)
	}
}

// One point is seen as a dot; where there is none no picture says so by being empty,
// and none of an earlier training is left to be taken for this one's.
func TestAPictureOfLittle(t *testing.T) {
	dir := t.TempDir()
	one := panel{title: "one", y: "y", lines: []line{{points: plotter.XYs{{X: 3, Y: 5}}, color: blue()}}}
	if err := drawPicture(dir, "little", "x", one, panel{title: "nothing", y: "y", log: true}); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(dir, "little.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	image, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if high := image.Bounds().Dy(); high > 400 {
		t.Errorf("the picture is %d dots high, want the 286 of one panel", high)
	}
	r, g, b, _ := blue().RGBA()
	dots := 0
	for x := range image.Bounds().Dx() {
		for y := range image.Bounds().Dy() {
			if pr, pg, pb, _ := image.At(x, y).RGBA(); pr == r && pg == g && pb == b {
				dots++
			}
		}
	}
	if dots < 5 {
		t.Errorf("%d dots of the line's colour, want the point", dots)
	}
	for _, nothing := range [][]line{nil, {{points: plotter.XYs{{X: 1, Y: math.NaN()}}}}} {
		if err := drawPicture(dir, "little", "x", panel{title: "nothing", lines: nothing}); !errors.Is(err, errNothingToDraw) {
			t.Errorf("got %v, want %v", err, errNothingToDraw)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%v: %v is left", err, left)
		}
	}
	zeros := panel{title: "zeros", log: true, lines: []line{{points: plotter.XYs{{X: 1, Y: 0}, {X: 2, Y: 0}}, color: blue()}}}
	if err := drawPicture(dir, "zeros", "x", zeros); err != nil {
		t.Errorf("a line of zeros: %v", err)
	}
}
