package season

import (
	"math"

	"github.com/flyball-io/flyball/forecast"
)

// A level of the pyramid holds so many means, each of so many of the level below.
const (
	kept = 512
	fold = 8
)

// level is a ring of means of Width steps.
type level struct {
	Width int64
	Means forecast.Numbers[float32] // their square roots, so that one flash crowd is not the season; −1 = not measured
	Next  int                       // the oldest, once the ring is full
	Slot  int64                     // step / Width of the mean that is being made
	Sum   float64
	Count float64
}

// add takes a value and closes the means that ended before its step.
func (l *level) add(step int64, value float64) {
	slot := step / l.Width
	if step < 0 && step%l.Width != 0 {
		slot--
	}
	if slot != l.Slot {
		if l.Count > 0 {
			l.push(float32(math.Sqrt(l.Sum / l.Count)))
			for range min(slot-l.Slot-1, kept) {
				l.push(-1)
			}
		}
		l.Slot, l.Sum, l.Count = slot, 0, 0
	}
	l.Sum += value
	l.Count++
}

func (l *level) push(mean float32) {
	if len(l.Means) < kept {
		l.Means = append(l.Means, mean)
		return
	}
	l.Means[l.Next] = mean
	l.Next = (l.Next + 1) % kept
}

// at returns the i-th mean, counted from the oldest.
func (l *level) at(i int) float64 { return float64(l.Means[(l.Next+i)%len(l.Means)]) }

// echo returns the lag in steps at which the series is most like itself, the
// first that is nearly as good as any: a peak of the autocorrelation after it
// was below 0. It must fit three times. It returns 0 when there is none.
func (l *level) echo(w *work) int64 {
	n, longest := len(l.Means), len(l.Means)/3
	if longest < 4 {
		return 0
	}
	w.center(l)
	best, lag := 0.0, 0
	below := false
	for i := 1; i <= longest; i++ {
		w.echo[i] = w.correlate(n, i)
		below = below || w.echo[i] < 0
		if below && w.echo[i] > 1.1*best && w.echo[i] > 0.2 {
			best, lag = w.echo[i], i
		}
	}
	if lag < 4 || lag == longest || w.echo[lag+1] > w.echo[lag] {
		return 0
	}
	return int64(w.sharpen(lag, longest)*float64(l.Width) + 0.5)
}

// sharpen moves a lag by less than one, to where the autocorrelation at all its
// multiples is the highest together.
func (w *work) sharpen(lag, longest int) float64 {
	times := longest / (lag + 1)
	best, at := 0.0, float64(lag)
	for k := -times / 2; k <= times/2; k++ {
		try, sum := float64(lag)+float64(k)/float64(times), 0.0
		for m := 1; m <= times; m++ {
			sum += w.echo[int(float64(m)*try+0.5)]
		}
		if sum > best {
			best, at = sum, try
		}
	}
	return at
}

// center writes the means less their own mean; what is missing is 0.
func (w *work) center(l *level) {
	sum, count := 0.0, 0.0
	for i := range l.Means {
		if v := l.at(i); v >= 0 {
			sum += v
			count++
		}
	}
	for i := range l.Means {
		w.values[i] = 0
		if v := l.at(i); v >= 0 {
			w.values[i] = v - sum/count
		}
	}
}

// correlate is the autocorrelation at a lag.
func (w *work) correlate(n, lag int) float64 {
	product, square := 0.0, 0.0
	for i := lag; i < n; i++ {
		product += w.values[i] * w.values[i-lag]
		square += w.values[i]*w.values[i] + w.values[i-lag]*w.values[i-lag]
	}
	if square == 0 {
		return 0
	}
	return 2 * product / square
}
