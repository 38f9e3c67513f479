package report

// names finds room for words between the marks of a plot.
type names struct {
	left, right, top, bottom float64
	taken                    []box
}

type box struct{ x0, y0, x1, y1 float64 }

// A letter of the plot's font is about as wide, a line as high.
const (
	letter = 6.8 // bold
	row    = 12
)

// take marks the place of a mark.
func (n *names) take(x, y float64) { n.taken = append(n.taken, box{x - 5, y - 5, x + 5, y + 5}) }

// policy names a curve at whichever of its points has room, the ends first.
func (n *names) policy(c Curve, x, y func(float64) float64, f Frontier) []label {
	for _, i := range fromTheEnds(len(c.Points)) {
		p := c.Points[i]
		if l, ok := n.place(x(p.Ratio), y(f.level(p.Avoidable)), c.Policy); ok {
			l.Strong = true
			return []label{l}
		}
	}
	return nil
}

// oracle names the line of the clairvoyant where it has room, from the top down.
func (n *names) oracle(x, top, bottom float64) []label {
	for y := top + 10; y < bottom; y += row {
		if l, ok := n.place(x-6, y, "oracle"); ok {
			l.Strong = true
			return []label{l}
		}
	}
	return nil
}

// fromTheEnds lists n−1, 0, n−2, 1 and so on.
func fromTheEnds(n int) []int {
	var order []int
	for low, high := 0, n-1; low <= high; low, high = low+1, high-1 {
		order = append(order, high)
		if low != high {
			order = append(order, low)
		}
	}
	return order
}

// place puts a word beside a mark, on the first side where it covers nothing.
func (n *names) place(x, y float64, text string) (label, bool) {
	wide := float64(len([]rune(text))) * letter
	for _, l := range []struct {
		label
		box
	}{
		{label{X: x + 8, Y: y + 4, Anchor: "start"}, box{x + 7, y - 6, x + 8 + wide, y + 6}},
		{label{X: x - 8, Y: y + 4, Anchor: "end"}, box{x - 8 - wide, y - 6, x - 7, y + 6}},
		{label{X: x, Y: y - 8, Anchor: "middle"}, box{x - wide/2, y - 8 - row, x + wide/2, y - 7}},
		{label{X: x, Y: y + 17, Anchor: "middle"}, box{x - wide/2, y + 7, x + wide/2, y + 8 + row}},
		{label{X: x + 6, Y: y - 7, Anchor: "start"}, box{x + 6, y - 7 - row, x + 6 + wide, y - 6}},
		{label{X: x - 6, Y: y - 7, Anchor: "end"}, box{x - 6 - wide, y - 7 - row, x - 6, y - 6}},
		{label{X: x + 6, Y: y + 15, Anchor: "start"}, box{x + 6, y + 6, x + 6 + wide, y + 7 + row}},
		{label{X: x - 6, Y: y + 15, Anchor: "end"}, box{x - 6 - wide, y + 6, x - 6, y + 7 + row}},
	} {
		if n.free(l.box) {
			n.taken = append(n.taken, l.box)
			l.X, l.Y, l.Text = tenth(l.X), tenth(l.Y), text
			return l.label, true
		}
	}
	return label{}, false
}

func (n *names) free(b box) bool {
	if b.x0 < n.left || b.x1 > n.right || b.y0 < n.top || b.y1 > n.bottom {
		return false
	}
	for _, t := range n.taken {
		if b.x0 < t.x1 && t.x0 < b.x1 && b.y0 < t.y1 && t.y0 < b.y1 {
			return false
		}
	}
	return true
}
