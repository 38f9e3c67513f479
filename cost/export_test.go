package cost

// Convex makes an interval of slopes that grow.
func Convex(empty float64, slopes []float64, after float64) Interval {
	i := Interval{empty: empty, after: after}
	for _, s := range slopes {
		i.push(1, s)
	}
	return i
}

// Kept is how many accounts a Lazy keeps.
func (l *Lazy) Kept() int { return len(l.accounts) }
