package season

import "math"

// The folded matrix has at most so many seasons and so many columns.
const (
	mostRows    = 64
	mostColumns = 24
)

// work is room for the search. It remembers nothing.
type work struct {
	values [kept]float64
	echo   [kept/3 + 2]float64
	sums   [mostRows][mostColumns]float64
	counts [mostRows][mostColumns]float64
	mean   [mostRows]float64
	left   [mostRows]float64
	right  [mostColumns]float64
}

// judge folds the newest whole seasons of a length and compares two
// explanations of the matrix:
//
//	nothing:        M(r,c) = level(r)                  n numbers
//	level × shape:  M(r,c) = level(r)·shape(c)         n + columns − 1 numbers
//
// by BIC = N·ln(RSS/N) + numbers·ln N. What is left over is like what was left
// over before it, so not every column counts but (1−ρ)/(1+ρ) of them, with ρ
// the autocorrelation of the rest (Bayley, Hammersley 1946), and one row is
// spent on the shape. Without that any random walk has a season. Where 24
// columns are too many for what is known, 8 may not be.
func (l *level) judge(period int64, w *work) (Season, bool) {
	rows := min(int(int64(len(l.Means))*l.Width/period), mostRows)
	for _, columns := range [...]int{mostColumns, mostColumns / 3} {
		columns = min(columns, int(period/l.Width))
		if rows < 2 || columns < 4 || !w.fold(l, period, rows, columns) {
			return Season{}, false
		}
		if s, ok := w.compare(period, rows, columns); ok {
			return s, true
		}
	}
	return Season{}, false
}

func (w *work) compare(period int64, rows, columns int) (Season, bool) {
	levels := w.levels(rows, columns)
	both, echo := w.rank1(rows, columns)
	if !(levels > 0) || !(both < levels) {
		return Season{}, false
	}
	free := max(3, float64(columns)*(1-echo)/(1+echo)) // columns that are independent
	n := float64(rows-1) * free
	gain := n*math.Log(levels/max(both, 1e-9*levels)) - (free-1)*math.Log(n)
	season := Season{Period: period, Explained: 1 - both/levels, Variance: (levels - both) / float64(rows*columns)}
	return season, gain > 0 && w.foretold(rows, columns) > leastForetold+moreForFew/float64(rows-1)
}

// A season must say beforehand so much of the variance around the levels, and
// more where it rests on few: two rows of a random walk are soon alike.
const (
	leastForetold = 0.1
	moreForFew    = 0.4
)

// foretold is the share of the variance around the levels that the shape of
// all other rows says of each row (leave-one-out cross-validation).
func (w *work) foretold(rows, columns int) float64 {
	missed, all := 0.0, 0.0
	for c := range columns {
		sum := 0.0
		for r := range rows {
			sum += ratio(w.sums[r][c], w.mean[r])
		}
		for r := range rows {
			part := ratio(w.sums[r][c], w.mean[r])
			others := (sum - part) / float64(rows-1)
			missed += w.mean[r] * w.mean[r] * (part - others) * (part - others)
			all += (w.sums[r][c] - w.mean[r]) * (w.sums[r][c] - w.mean[r])
		}
	}
	return 1 - ratio(missed, all)
}

// fold writes the means of the matrix. It reports whether enough of the cells
// were measured; one that was not is as a season before.
func (w *work) fold(l *level, period int64, rows, columns int) bool {
	for r := range rows {
		clear(w.sums[r][:columns])
		clear(w.counts[r][:columns])
	}
	first := len(l.Means) - int(int64(rows)*period/l.Width)
	for i := max(0, first); i < len(l.Means); i++ {
		from := int64(i-first) * l.Width
		row := from / period
		if v := l.at(i); v >= 0 && row < int64(rows) {
			column := from % period * int64(columns) / period
			w.sums[row][column] += v
			w.counts[row][column]++
		}
	}
	missing, last := 0, 0.0
	for r := range rows {
		for c := range columns {
			switch n := w.counts[r][c]; {
			case n > 0:
				w.sums[r][c] /= n
			case r > 0:
				w.sums[r][c] = w.sums[r-1][c]
				missing++
			default:
				w.sums[r][c] = last
				missing++
			}
			last = w.sums[r][c]
		}
	}
	return missing*4 <= rows*columns
}

// levels returns the sum of squares that level(r) leaves.
func (w *work) levels(rows, columns int) float64 {
	rss := 0.0
	for r := range rows {
		sum := 0.0
		for c := range columns {
			sum += w.sums[r][c]
		}
		w.mean[r] = sum / float64(columns)
		for c := range columns {
			rss += (w.sums[r][c] - w.mean[r]) * (w.sums[r][c] - w.mean[r])
		}
	}
	return rss
}

// rank1 finds the first singular vectors by alternating least squares, starting
// from the levels, and returns the sum of squares that level × shape leaves and
// the autocorrelation of what is left.
func (w *work) rank1(rows, columns int) (rss, echo float64) {
	copy(w.left[:rows], w.mean[:rows])
	for range 5 {
		w.shapes(rows, columns)
		for r := range rows {
			w.left[r] = quotient(w.sums[r][:columns], w.right[:columns])
		}
	}
	product, before := 0.0, 0.0
	for r := range rows {
		for c := range columns {
			rest := w.sums[r][c] - w.left[r]*w.right[c]
			rss += rest * rest
			product += rest * before
			before = rest
		}
	}
	if rss > 0 {
		echo = max(0, min(product/rss, 0.999))
	}
	return rss, echo
}

// shapes is the least-squares shape for the levels.
func (w *work) shapes(rows, columns int) {
	for c := range columns {
		product, square := 0.0, 0.0
		for r := range rows {
			product += w.left[r] * w.sums[r][c]
			square += w.left[r] * w.left[r]
		}
		w.right[c] = ratio(product, square)
	}
}

// quotient is the least-squares factor between two vectors.
func quotient(of, by []float64) float64 {
	product, square := 0.0, 0.0
	for i := range of {
		product += of[i] * by[i]
		square += by[i] * by[i]
	}
	return ratio(product, square)
}

func ratio(product, square float64) float64 {
	if square < 1e-300 {
		return 0
	}
	return product / square
}
