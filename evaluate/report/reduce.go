package report

import "sort"

// point is a value from an instant on, both in the units of the page.
type point struct{ t, v float64 }

// changes keeps the points at which the value changes.
func changes(points []point) []point {
	var kept []point
	for i, p := range points {
		if i == 0 || p.v != kept[len(kept)-1].v {
			kept = append(kept, p)
		}
	}
	return kept
}

// reduce keeps about as many points as it may: the first, lowest, highest and
// last of each of equally long stretches. Drawn on as many pixels, they make
// the same picture as all of them (M4, Jugel et al. 2014), so that no peak is
// lost.
func reduce(points []point, most int) []point {
	if len(points) <= most {
		return points
	}
	stretches := max(1, most/4)
	from, to := points[0].t, points[len(points)-1].t
	kept := make([]point, 0, most)
	for i, begin := 0, 0; i < stretches; i++ {
		end := len(points)
		if i < stretches-1 {
			edge := from + (to-from)*float64(i+1)/float64(stretches)
			end = begin + sort.Search(len(points)-begin, func(k int) bool { return points[begin+k].t >= edge })
		}
		kept = append(kept, corners(points[begin:end])...)
		begin = end
	}
	return kept
}

// corners are the first, lowest, highest and last of some points, in order and
// each once.
func corners(points []point) []point {
	if len(points) <= 4 {
		return points
	}
	low, high := 0, 0
	for i, p := range points {
		if p.v < points[low].v {
			low = i
		}
		if p.v > points[high].v {
			high = i
		}
	}
	var kept []point
	last := -1
	for _, i := range []int{0, min(low, high), max(low, high), len(points) - 1} {
		if i != last {
			kept = append(kept, points[i])
		}
		last = i
	}
	return kept
}

// share is how many points each of several lines may keep so that all together
// stay within a sum: short lines keep all, long ones what is left.
func share(lengths []int, sum int) int {
	total := func(most int) int {
		n := 0
		for _, length := range lengths {
			n += min(length, most)
		}
		return n
	}
	longest := 0
	for _, length := range lengths {
		longest = max(longest, length)
	}
	return max(64, sort.Search(longest, func(most int) bool { return total(most+1) > sum }))
}
