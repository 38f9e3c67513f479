package cost

// hull replaces values, at 0, 1, 2, …, by the largest convex function that is
// nowhere above them (Andrew 1979). corners is memory to work in, as long as
// values.
func hull(values []float64, corners []int32) {
	n := 0
	for x := range values {
		// A corner on or above the line from the one before to x is none.
		for n >= 2 {
			a, b := int(corners[n-2]), int(corners[n-1])
			if (values[b]-values[a])*float64(x-a) < (values[x]-values[a])*float64(b-a) {
				break
			}
			n--
		}
		corners[n] = int32(x)
		n++
	}
	for i := 1; i < n; i++ {
		from, to := int(corners[i-1]), int(corners[i])
		slope := (values[to] - values[from]) / float64(to-from)
		for x := from + 1; x < to; x++ {
			values[x] = values[from] + slope*float64(x-from)
		}
	}
}
