package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// frontierView is a frontier twice: as pictures, and as the numbers in them.
type frontierView struct {
	Name     string
	Pictures []picture
	Rows     []pointRow
	Summary  string
}

type pointRow struct {
	Policy                     int
	Name, Setting, Ratio, Late string
	OnHull                     bool
}

// picture is a plot with its places worked out; page.html turns it into SVG.
//
//	violations  │ ·            ·  a policy's settings, joined
//	(log)    1 %┼┄┄┄┄┄┄┄┄┄┄┄   ━  lower-left hull: nobody is cheaper and later
//	       0.1 %┼┄┄┄┄┄┄┄┄┄┄┄
//	           0└──────────── replica-hours by the oracle's
type picture struct {
	Class                    string
	Width, Height            float64
	Left, Right, Top, Bottom float64 // of the plot
	X, Y                     []tick
	Levels                   []tick
	OracleX                  float64
	OracleMarks              []mark
	OracleLabels             []label
	Hull                     string
	Curves                   []curveView
}

type tick struct {
	At   float64
	Text string
}

type curveView struct {
	Policy int
	Path   string
	Marks  []mark
	Labels []label
}

type mark struct {
	Path, Title string
}

type label struct {
	X, Y   float64
	Anchor string
	Text   string
	Strong bool
}

func (r Report) frontier(i int, policies []string) frontierView {
	f := r.Frontiers[i]
	v := frontierView{Name: f.Name}
	size := picture{Class: "small", Width: 356, Height: 300}
	sizes := []picture{size}
	if i == 0 {
		sizes = []picture{{Class: "wide", Width: 760, Height: 420}, {Class: "narrow", Width: 356, Height: 380}}
	}
	for _, p := range sizes {
		v.Pictures = append(v.Pictures, p.plot(f, policies))
	}
	hull := f.hull()
	for _, c := range f.Curves {
		for _, p := range c.Points {
			v.Rows = append(v.Rows, pointRow{slices.Index(policies, c.Policy), c.Policy, p.setting(), multiple(p.Ratio), percent(p.Avoidable), slices.Contains(hull, spot{p.Ratio, p.Avoidable})})
		}
	}
	for _, p := range f.Oracle {
		v.Rows = append(v.Rows, pointRow{-1, "oracle", p.setting(), multiple(p.Ratio), percent(p.Avoidable), false})
	}
	v.Summary = f.summary()
	return v
}

func (p Point) setting() string {
	if p.Setting == "" {
		return "as it is"
	}
	return p.Setting
}

// summary names who is cheapest at each level.
func (f Frontier) summary() string {
	var parts []string
	for _, level := range []float64{0.001, 0.01} {
		best, name := math.Inf(1), ""
		for _, c := range f.Curves {
			for _, p := range c.Points {
				if p.Avoidable <= level && p.Ratio < best {
					best, name = p.Ratio, c.Policy
					if p.Setting != "" {
						name += " (" + p.Setting + ")"
					}
				}
			}
		}
		if name == "" {
			parts = append(parts, fmt.Sprintf("no setting stays under %s", percent(level)))
			continue
		}
		parts = append(parts, fmt.Sprintf("cheapest under %s: %s at %s", percent(level), name, multiple(best)))
	}
	text := strings.Join(parts, "; ") + "."
	if f.dearest() > farthest {
		text += fmt.Sprintf(" Settings dearer than %g\u00a0× stand at the right edge.", farthest)
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// farthest is the ratio at which a plot ends: what costs more is no choice, and
// would press the rest together.
const farthest = 4.0

func (f Frontier) dearest() float64 {
	most := 0.0
	for _, c := range f.Curves {
		for _, p := range c.Points {
			most = max(most, p.Ratio)
		}
	}
	return most
}

// spot is a point of the plot: replica-hours by the oracle's, and violations.
type spot struct{ ratio, avoidable float64 }

// lowest is the decade that the axis begins with; what is below it, or nothing
// at all, is drawn half a decade lower.
func (f Frontier) lowest() float64 {
	low := -4.0
	for _, p := range f.points() {
		if p.Avoidable > 0 {
			low = min(low, math.Floor(math.Log10(p.Avoidable)))
		}
	}
	return max(low, -6)
}

// points are those of all policies and of the oracle.
func (f Frontier) points() []Point {
	all := slices.Clone(f.Oracle)
	for _, c := range f.Curves {
		all = append(all, c.Points...)
	}
	return all
}

// withoutAny reports whether some setting had no violations, or next to none.
func (f Frontier) withoutAny() bool {
	low := f.lowest()
	return slices.ContainsFunc(f.points(), func(p Point) bool { return f.level(p.Avoidable) < low })
}

func (f Frontier) level(avoidable float64) float64 {
	low := f.lowest()
	if avoidable <= 0 {
		return low - 0.5
	}
	return max(low-0.5, math.Log10(min(1, avoidable)))
}

// hull is the lower-left convex hull of all points, from the cheapest to the
// one with the fewest violations: what no setting beats, nor two in turns. As
// in package evaluate violations count as they are there, and lines are drawn
// over their logarithm: then no point lies below them.
func (f Frontier) hull() []spot {
	var all []spot
	for _, c := range f.Curves {
		for _, p := range c.Points {
			all = append(all, spot{p.Ratio, p.Avoidable})
		}
	}
	slices.SortFunc(all, func(a, b spot) int {
		return cmp.Or(cmp.Compare(a.ratio, b.ratio), cmp.Compare(a.avoidable, b.avoidable))
	})
	var hull []spot
	for _, s := range all {
		if n := len(hull); n > 0 && s.avoidable >= hull[n-1].avoidable {
			continue // dearer, and no better
		}
		for len(hull) > 1 && above(hull[len(hull)-2], hull[len(hull)-1], s) {
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, s)
	}
	return hull
}

// above reports whether b lies on or over the line from a to c.
func above(a, b, c spot) bool {
	return (b.avoidable-a.avoidable)*(c.ratio-a.ratio) >= (c.avoidable-a.avoidable)*(b.ratio-a.ratio)
}

// plot works out where everything is.
func (p picture) plot(f Frontier, policies []string) picture {
	p.Left, p.Right, p.Top, p.Bottom = 58, p.Width-14, 26, p.Height-38
	low, high := f.lowest(), -1.0
	for _, pt := range f.points() {
		high = max(high, math.Ceil(math.Log10(max(pt.Avoidable, 1e-9))))
	}
	high = min(high, 0)
	most := min(max(f.dearest(), 1.5)*1.04, farthest)
	least := 0.9
	for _, s := range f.hull() {
		least = min(least, s.ratio*0.97)
	}
	x := func(ratio float64) float64 {
		return tenth(p.Left + (min(ratio, most)-least)/(most-least)*(p.Right-p.Left))
	}
	y := func(level float64) float64 {
		return tenth(p.Bottom - (level-(low-0.7))/(high+0.1-(low-0.7))*(p.Bottom-p.Top))
	}
	p.X, p.OracleX = ratioTicks(least, most, p.Width < 500, x), x(1)
	if f.withoutAny() {
		p.Y = append(p.Y, tick{y(low - 0.5), "0"})
	}
	for level := low; level <= high; level++ {
		p.Y = append(p.Y, tick{y(level), percent(math.Pow(10, level))})
	}
	p.Levels = []tick{{y(-3), "0.1" + space + "%"}, {y(-2), "1" + space + "%"}}
	var hull []string
	for i, s := range f.hull() {
		hull = append(hull, fmt.Sprintf("%s%g %g", line(i), x(s.ratio), y(f.level(s.avoidable))))
	}
	p.Hull = strings.Join(hull, "")
	p.curves(f, policies, x, y, most)
	return p
}

// curves places the marks, then the names where there is room for them.
func (p *picture) curves(f Frontier, policies []string, x, y func(float64) float64, most float64) {
	room := names{left: p.Left, right: p.Width - 4, top: p.Top, bottom: p.Bottom}
	for _, pt := range f.Oracle {
		px, py := x(1), y(f.level(pt.Avoidable))
		p.OracleMarks = append(p.OracleMarks, mark{circle(px, py), fmt.Sprintf("oracle, %s: %s avoidably late", pt.setting(), percent(pt.Avoidable))})
		room.take(px, py)
	}
	for _, c := range f.Curves {
		v := curveView{Policy: slices.Index(policies, c.Policy)}
		for i, pt := range c.Points {
			px, py := x(pt.Ratio), y(f.level(pt.Avoidable))
			v.Path += fmt.Sprintf("%s%g %g", line(i), px, py)
			title := fmt.Sprintf("%s, %s: %s the oracle, %s avoidably late", c.Policy, pt.setting(), multiple(pt.Ratio), percent(pt.Avoidable))
			if pt.Ratio > most {
				title += " (right of the plot)"
			}
			v.Marks = append(v.Marks, mark{shape(v.Policy, px, py), title})
			room.take(px, py)
		}
		p.Curves = append(p.Curves, v)
	}
	p.OracleLabels = room.oracle(x(1), p.Top, p.Bottom)
	for i, c := range f.Curves {
		p.Curves[i].Labels = append(p.Curves[i].Labels, room.policy(c, x, y, f)...)
	}
	if p.Class == "small" {
		return
	}
	hull := f.hull()
	for i, c := range f.Curves {
		for k, pt := range c.Points {
			told := k == 0 || k == len(c.Points)-1 || slices.Contains(hull, spot{pt.Ratio, pt.Avoidable})
			if pt.Setting == "" || !told {
				continue // its title says it; more words would hide the marks
			}
			if l, ok := room.place(x(pt.Ratio), y(f.level(pt.Avoidable)), pt.Setting); ok {
				p.Curves[i].Labels = append(p.Curves[i].Labels, l)
			}
		}
	}
}

func line(i int) string {
	if i == 0 {
		return "M"
	}
	return "L"
}

func tenth(v float64) float64 { return math.Round(v*10) / 10 }

func ratioTicks(least, most float64, narrow bool, x func(float64) float64) []tick {
	step := 0.2
	if most-least > 2 || narrow {
		step = 0.5
	}
	if most-least > 2.2 && narrow {
		step = 1
	}
	var ticks []tick
	for v := math.Ceil(least/step) * step; v <= most+1e-9; v += step {
		ticks = append(ticks, tick{x(v), number(round(v)) + space + "×"})
	}
	return ticks
}

// circle is the mark of the oracle.
func circle(x, y float64) string {
	return fmt.Sprintf("M%g %ga3 3 0 1 0 6 0a3 3 0 1 0 -6 0Z", tenth(x-3), tenth(y))
}

// shape is the mark of a policy: each has its own, so that colour isn't needed.
func shape(policy int, x, y float64) string {
	outlines := [][]float64{
		{-4, -4, 4, -4, 4, 4, -4, 4},                              // square
		{0, -5.5, 5.5, 0, 0, 5.5, -5.5, 0},                        // diamond
		{0, -5, 5, 4, -5, 4},                                      // triangle
		{0, 5, 5, -4, -5, -4},                                     // triangle, pointing down
		{-5, -2, 0, -5.5, 5, -2, 3, 4.5, -3, 4.5},                 // pentagon
		{-5, -1.8, 5, -1.8, 5, 1.8, -5, 1.8},                      // bar
		{-1.8, -5.5, 1.8, -5.5, 1.8, 5.5, -1.8, 5.5},              // post
		{-5, 0, -2.5, -4.5, 2.5, -4.5, 5, 0, 2.5, 4.5, -2.5, 4.5}, // hexagon
	}
	outline := outlines[max(policy, 0)%len(outlines)]
	var b strings.Builder
	for i := 0; i < len(outline); i += 2 {
		fmt.Fprintf(&b, "%s%g %g", line(i), tenth(x+outline[i]), tenth(y+outline[i+1]))
	}
	return b.String() + "Z"
}
