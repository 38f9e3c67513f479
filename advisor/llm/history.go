package llm

import (
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// rows is how many rows of history a prompt has at most.
const rows = 10

// widths are how long a row may last: the shortest with which all rows together
// reach as far back as anything is known, or else a quarter of an hour.
var widths = []time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 90 * time.Second}

// row is what is known of a part of the past.
type row struct {
	Age         int    // seconds since its newer end
	Load        number // mean per second
	P95         number // worst, in milliseconds
	Replicas    count
	Utilization number // mean, in percent
}

// history resamples the past of an observation into rows, newest first. Rows at
// the end of which nothing is known are left out. The count is known as long as
// it has not changed, since.
//
//	points   ·  · ·   ·  · │·  ·  ·  · │ ·  ·  ·
//	rows          2        │     1     │    0     at
func history(obs *scale.Observation, since time.Duration) []row {
	load, latency, used := points(obs, scale.RequestRate), points(obs, scale.Latency), utilization(obs)
	width := widths[0]
	for _, wider := range widths {
		if reach := time.Duration(rows) * width; oldest(obs.At, load, latency, used) > reach {
			width = wider
		}
	}
	var all []row
	for i := range rows {
		newer, older := obs.At.Add(-time.Duration(i)*width), obs.At.Add(-time.Duration(i+1)*width)
		r := row{Age: i * int(width.Seconds()), Replicas: -1}
		r.Load, _ = resample(load, older, newer)
		_, worst := resample(latency, older, newer)
		mean, _ := resample(used, older, newer)
		r.P95, r.Utilization = 1000*worst, 100*mean
		if obs.At.Sub(older) <= since || i == 0 {
			r.Replicas = count(obs.CurrentReplicas)
		}
		all = append(all, r)
	}
	for len(all) > 0 && !all[len(all)-1].known() {
		all = all[:len(all)-1]
	}
	return all
}

// known reports whether anything was measured.
func (r *row) known() bool {
	return series.Finite(float64(r.Load)) || series.Finite(float64(r.P95)) || series.Finite(float64(r.Utilization))
}

// utilization is that of slots, else of processors.
func utilization(obs *scale.Observation) []series.Point {
	if p := points(obs, scale.Utilization); len(p) > 0 {
		return p
	}
	return points(obs, scale.CPUUtilization)
}

// points are the values of a signal. What is in doubt about the newest takes
// nothing away from those before it.
func points(obs *scale.Observation, name string) []series.Point {
	if s := obs.Signal(name); s != nil {
		return s.Points
	}
	return nil
}

// oldest is the age of the oldest point.
func oldest(at time.Time, all ...[]series.Point) (longest time.Duration) {
	for _, p := range all {
		if len(p) > 0 {
			longest = max(longest, at.Sub(p[0].At))
		}
	}
	return longest
}

// resample returns the mean and the most of the points after older and up to
// newer; unknown where there are none. A value that cannot be is none.
func resample(all []series.Point, older, newer time.Time) (mean, most number) {
	sum, n, top := 0.0, 0, 0.0
	for _, p := range all {
		if p.At.After(older) && !p.At.After(newer) && p.Value >= 0 && p.Value <= mostNumber {
			sum, n, top = sum+p.Value, n+1, max(top, p.Value)
		}
	}
	if n == 0 {
		return unknown, unknown
	}
	return number(sum / float64(n)), number(top)
}
