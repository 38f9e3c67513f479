package training

import (
	"slices"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// Axes say numbers as people do.
func TestTicks(t *testing.T) {
	for _, one := range []struct {
		ticks       plot.Ticker
		least, most float64
		want        []string
	}{
		{thousands{}, 0, 60, []string{"0", "10", "20", "30", "40", "50", "60"}},
		{thousands{}, -0.1, 1.2, []string{"0", "0.2", "0.4", "0.6", "0.8", "1", "1.2"}},
		{thousands{}, 0, 1_300_000, []string{"0", "200k", "400k", "600k", "800k", "1M", "1.2M"}},
		{decades{}, 0.5, 30, []string{"0.5", "1", "2", "5", "10", "20"}},
		{decades{}, 1, 20_000, []string{"1", "", "", "10", "", "", "100", "", "", "1000", "", "", "10k", ""}},
	} {
		var got []string
		for _, tick := range one.ticks.Ticks(one.least, one.most) {
			got = append(got, tick.Label)
		}
		if !slices.Equal(got, one.want) {
			t.Errorf("%v to %v: got %q, want %q", one.least, one.most, got, one.want)
		}
	}
}

// Where nothing is drawn, the axis is straight: none with logarithms begins at 0.
func TestAPanelOfNothingIsStraight(t *testing.T) {
	made, err := panel{title: "nothing", log: true}.plot()
	if err != nil {
		t.Fatal(err)
	}
	if _, log := made.Y.Scale.(plot.LogScale); log || made.Y.Max > 2 {
		t.Errorf("the axis is %T up to %v, want a straight one up to 1", made.Y.Scale, made.Y.Max)
	}
}

// What is no number is a gap, and on a logarithmic axis 0 is none either.
func TestALineHasGaps(t *testing.T) {
	l := line{points: plotter.XYs{{X: 0, Y: 1}, {X: 1, Y: 0}, {X: 2, Y: 3}, {X: 3, Y: 4}}}
	if n := len(l.parts(false)); n != 1 {
		t.Errorf("straight: %d parts, want 1", n)
	}
	parts := l.parts(true)
	if len(parts) != 2 || len(parts[1]) != 2 {
		t.Errorf("logarithmic: %v, want what is before 0 and what is after", parts)
	}
}
