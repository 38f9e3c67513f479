package training

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/flyball-io/flyball/internal/atomicfile"
)

// panel is one chart of a picture; panels stand above each other, on one x axis.
type panel struct {
	title, y string
	lines    []line
	log      bool // the y axis is logarithmic
	zero     bool // it begins at 0
}

// line is a line of a panel: straight, or in steps.
type line struct {
	name   string
	points plotter.XYs
	color  color.Color
	dashed bool
	steps  bool
	thin   bool
	dots   bool
}

// Colours that can be told apart by those who see few.
func blue() color.Color   { return color.RGBA{0x1f, 0x77, 0xb4, 0xff} }
func orange() color.Color { return color.RGBA{0xe0, 0x7b, 0x1a, 0xff} }
func green() color.Color  { return color.RGBA{0x2c, 0x8c, 0x4a, 0xff} }
func red() color.Color    { return color.RGBA{0xc4, 0x2b, 0x2b, 0xff} }
func grey() color.Color   { return color.RGBA{0x80, 0x80, 0x80, 0xff} }

func seedColor(i int) color.Color {
	all := []color.Color{blue(), orange(), green(), red(), color.RGBA{0x7b, 0x52, 0xab, 0xff}, color.RGBA{0x00, 0x8b, 0x8b, 0xff}}
	return all[i%len(all)]
}

const (
	pictureWidth = 10 * vg.Inch
	panelHeight  = 2.6 * vg.Inch
	dotsPerInch  = 110
)

// errNothingToDraw is why there is no picture: an empty one would look like a result.
var errNothingToDraw = errors.New("nothing to draw: in so few steps there is no point of its curve yet")

// drawPicture writes a picture as PNG and as SVG, of the panels that show something.
// Where none does, pictures that were there are removed: they show something else.
func drawPicture(dir, name, x string, panels ...panel) error {
	panels = slices.Clone(panels)
	for i := range panels { // what is 0 everywhere has a straight axis to be seen on
		panels[i].log = panels[i].log && !panels[i].empty()
	}
	panels = slices.DeleteFunc(panels, panel.empty)
	if len(panels) == 0 {
		err := errNothingToDraw
		for _, ending := range []string{".png", ".svg"} {
			if gone := os.Remove(filepath.Join(dir, name+ending)); !errors.Is(gone, os.ErrNotExist) {
				err = errors.Join(err, gone)
			}
		}
		return err
	}
	var plots [][]*plot.Plot
	for i, p := range panels {
		made, err := p.plot()
		if err != nil {
			return fmt.Errorf("picture %s: %w", name, err)
		}
		if i == len(panels)-1 {
			made.X.Label.Text = x
		}
		plots = append(plots, []*plot.Plot{made})
	}
	shareX(plots)
	height := panelHeight * vg.Length(len(panels))
	image := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(pictureWidth, height), vgimg.UseDPI(dotsPerInch), vgimg.UseBackgroundColor(color.White))}
	vector := vgsvg.New(pictureWidth, height)
	for _, c := range []struct {
		ending string
		canvas interface {
			vg.CanvasSizer
			io.WriterTo
		}
	}{{".png", image}, {".svg", vector}} {
		tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadTop: 6, PadBottom: 6, PadLeft: 6, PadRight: 14, PadY: 8}
		for i, canvas := range plot.Align(plots, tiles, draw.New(c.canvas)) {
			plots[i][0].Draw(canvas[0])
		}
		var b bytes.Buffer
		if _, err := c.canvas.WriteTo(&b); err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(dir, name+c.ending), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// shareX gives all plots the widest x axis of them.
func shareX(plots [][]*plot.Plot) {
	least, most := math.Inf(1), math.Inf(-1)
	for _, row := range plots {
		least, most = min(least, row[0].X.Min), max(most, row[0].X.Max)
	}
	for _, row := range plots {
		row[0].X.Min, row[0].X.Max = least, most
	}
}

// empty reports whether a panel shows nothing of what was measured.
func (p panel) empty() bool {
	return !slices.ContainsFunc(p.lines, func(l line) bool { return len(l.parts(p.log)) > 0 })
}

func (p panel) plot() (*plot.Plot, error) {
	made := plot.New()
	made.Title.Text, made.Y.Label.Text = p.title, p.y
	made.Title.TextStyle.Font.Size, made.Title.Padding = font.Points(12), font.Points(4)
	for _, axis := range []*plot.Axis{&made.X, &made.Y} {
		axis.Label.TextStyle.Font.Size, axis.Tick.Label.Font.Size = font.Points(10), font.Points(9)
		axis.Color, axis.Tick.Color = grey(), grey()
		axis.Label.Padding = font.Points(3)
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.RGBA{0xe4, 0xe4, 0xe4, 0xff}, color.RGBA{0xf0, 0xf0, 0xf0, 0xff}
	made.Add(grid)
	made.Legend.Top, made.Legend.Left = true, false
	made.Legend.XOffs, made.Legend.YOffs = font.Points(-4), font.Points(-2)
	made.Legend.TextStyle.Font.Size, made.Legend.Padding = font.Points(9), font.Points(2)
	for _, l := range p.lines {
		if err := l.add(made, p.log); err != nil {
			return nil, err
		}
	}
	p.scale(made)
	made.X.Tick.Marker = thousands{}
	return made, nil
}

// add draws the line; what is no number, or none on its scale, is a gap.
func (l line) add(to *plot.Plot, log bool) error {
	named := l.name != ""
	for _, part := range l.parts(log) {
		drawn, err := plotter.NewLine(part)
		if err != nil {
			return err
		}
		drawn.Color, drawn.Width = l.color, font.Points(1.6)
		if l.thin {
			drawn.Width = font.Points(0.9)
		}
		if l.dashed {
			drawn.Dashes = []vg.Length{font.Points(5), font.Points(3)}
		}
		if l.steps {
			drawn.StepStyle = plotter.PostStep
		}
		to.Add(drawn)
		if l.dots || len(part) == 1 { // of one point no line can be seen
			dots, err := plotter.NewScatter(part)
			if err != nil {
				return err
			}
			dots.Color, dots.Shape, dots.Radius = l.color, draw.CircleGlyph{}, font.Points(2.2)
			to.Add(dots)
		}
		if named {
			to.Legend.Add(l.name, drawn)
			named = false
		}
	}
	return nil
}

func (l line) parts(log bool) []plotter.XYs {
	var all []plotter.XYs
	var part plotter.XYs
	flush := func() {
		if len(part) > 0 {
			all, part = append(all, part), nil
		}
	}
	for _, xy := range l.points {
		if math.IsNaN(xy.Y) || math.IsInf(xy.Y, 0) || log && xy.Y <= 0 {
			flush()
			continue
		}
		part = append(part, xy)
	}
	flush()
	return all
}

// scale chooses the y axis, with room above for the names of the lines.
func (p panel) scale(made *plot.Plot) {
	y := &made.Y
	y.Tick.Marker = thousands{}
	if math.IsInf(y.Min, 0) || math.IsInf(y.Max, 0) { // nothing is drawn: no logarithm begins at 0
		made.X.Min, made.X.Max, y.Min, y.Max = 0, 1, 0, 1
		return
	}
	if p.log && y.Max > 5*y.Min { // else a straight one has more to read
		y.Scale, y.Tick.Marker = plot.LogScale{}, decades{}
		y.Max *= math.Pow(y.Max/y.Min, 0.22)
		return
	}
	if p.zero {
		y.Min = min(y.Min, 0)
	}
	if y.Max <= y.Min {
		y.Min, y.Max = y.Min-0.5, y.Max+0.5
	}
	y.Max += 0.22 * (y.Max - y.Min)
}

// decades are ticks of a logarithmic axis at 1, 2 and 5 of each decade.
type decades struct{}

// Ticks implements [plot.Ticker].
func (decades) Ticks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	wide := most/least > 300
	for e := math.Floor(math.Log10(least)); math.Pow(10, e) <= most; e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v < least || v > most {
				continue
			}
			tick := plot.Tick{Value: v}
			if m == 1 || !wide {
				tick.Label = short(v)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// thousands writes steps as people say them: 250k, 1.5M.
type thousands struct{}

// Ticks implements [plot.Ticker]: about seven, at 1, 2 or 5 of a decade.
func (thousands) Ticks(least, most float64) []plot.Tick {
	rough := (most - least) / 7
	decade := math.Pow(10, math.Floor(math.Log10(rough)))
	step := 10 * decade
	for _, m := range []float64{5, 2, 1} {
		if m*decade >= rough {
			step = m * decade
		}
	}
	var ticks []plot.Tick
	for k := math.Ceil(least/step - 1e-9); k*step <= most+1e-9*step; k++ {
		v := math.Round(k*step/decade) * decade
		ticks = append(ticks, plot.Tick{Value: v, Label: short(v)})
	}
	return ticks
}

func short(v float64) string {
	switch {
	case v == 0:
		return "0" // and not -0
	case math.Abs(v) >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + "M"
	case math.Abs(v) >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + "k"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
