package inference

import (
	"slices"
	"time"
)

// loads is the load of the last half hour in replicas' worth, and what was needed
// lately.
type loads struct {
	At    []time.Time `json:"at,omitempty"`
	Value []float64   `json:"value,omitempty"`
	// NeedAt and Need are falling: what came later and is higher hides what was
	// before.
	NeedAt []time.Time `json:"needAt,omitempty"`
	Need   []int       `json:"need,omitempty"`
}

const (
	// lookback is how long rises are remembered, kept the most loads that are.
	lookback = 30 * time.Minute
	kept     = 240
)

// add takes in a load, once for each scrape.
func (l *loads) add(at time.Time, value float64) {
	if n := len(l.At); n > 0 && at.Sub(l.At[n-1]) < lookback/kept {
		return
	}
	drop := 0
	for drop < len(l.At) && (len(l.At)-drop >= kept || at.Sub(l.At[drop]) > lookback) {
		drop++
	}
	l.At = append(l.At[:0], append(l.At[drop:], at)...)
	l.Value = append(l.Value[:0], append(l.Value[drop:], value)...)
}

// few is how many rises say nothing yet: a quarter of the load is assumed.
const few = 8

// rise is by how much the load rose within the horizon, of a share of the moments
// of the last half hour: the highest load within the horizon less the one before.
func (l *loads) rise(buffer *[]float64, horizon time.Duration, share, load float64) float64 {
	all := (*buffer)[:0]
	last := l.At[len(l.At)-1]
	for i, at := range l.At {
		if last.Sub(at) < horizon {
			break
		}
		highest := l.Value[i]
		for j := i + 1; j < len(l.At) && l.At[j].Sub(at) <= horizon; j++ {
			highest = max(highest, l.Value[j])
		}
		all = append(all, highest-l.Value[i])
	}
	*buffer = all
	if len(all) < few {
		return load / 4
	}
	slices.Sort(all)
	return all[min(int(share*float64(len(all))), len(all)-1)]
}

// hold takes in a need and returns the highest within a time before: a replica
// that is let go costs its start again (lazy capacity provisioning: Lin and
// others, INFOCOM 2011).
func (l *loads) hold(at time.Time, need int, within time.Duration) int {
	keep := len(l.Need)
	for keep > 0 && (l.Need[keep-1] <= need || l.NeedAt[keep-1].After(at)) {
		keep--
	}
	l.NeedAt, l.Need = append(l.NeedAt[:keep], at), append(l.Need[:keep], need)
	old := 0
	for at.Sub(l.NeedAt[old]) > within {
		old++
	}
	l.NeedAt = append(l.NeedAt[:0], l.NeedAt[old:]...)
	l.Need = append(l.Need[:0], l.Need[old:]...)
	return l.Need[0]
}
