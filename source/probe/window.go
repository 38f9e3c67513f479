package probe

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// minSamples is from how many probes on there are values.
const minSamples = 5

// outcome is how one probe went.
type outcome struct {
	began, ended time.Time
	err          error
	// slow: there was no answer in time, which says of the latency that it is
	// at least that.
	slow bool
}

// window holds the newest outcomes, in the order in which they began.
type window struct {
	size     int
	outcomes []outcome
}

// add keeps an outcome. Probes overlap, so one that took long may come after
// later ones.
func (w *window) add(o outcome) {
	at, _ := slices.BinarySearchFunc(w.outcomes, o, func(a, b outcome) int { return cmp.Compare(a.began.UnixNano(), b.began.UnixNano()) })
	w.outcomes = slices.Insert(w.outcomes, at, o)
	if extra := len(w.outcomes) - w.size; extra > 0 {
		w.outcomes = slices.Delete(w.outcomes, 0, extra)
	}
}

// samples makes values of the outcomes.
//
// Whatever fails counts as having taken the whole timeout: a user who gets an
// error has no good answer in that time, and a failure that comes fast must
// not make the service look fast. Where nothing was measured, neither an
// answer nor that it takes too long, there is no latency, only failure.
func (w *window) samples(signal string, timeout time.Duration) ([]scale.Sample, error) {
	if len(w.outcomes) < min(minSamples, w.size) {
		return nil, nil
	}
	h, good, measured := &series.Histogram{}, 0, 0
	var at time.Time
	var durations []float64
	var last error
	for _, o := range w.outcomes {
		took := o.ended.Sub(o.began)
		if o.err == nil {
			good++
		} else {
			took, last = max(took, timeout), o.err
		}
		if o.err == nil || o.slow {
			measured++
		}
		durations = append(durations, took.Seconds())
		h.Add(took.Seconds())
		if o.ended.After(at) {
			at = o.ended
		}
	}
	s := scale.Sample{Signal: signal + SuccessRatio, At: at, Window: at.Sub(w.outcomes[0].began), Value: float64(good) / float64(len(w.outcomes))}
	all := []scale.Sample{s}
	if measured > 0 {
		slices.Sort(durations)
		add := func(name string, value float64, h *series.Histogram) {
			s.Signal, s.Value, s.Distribution = signal+name, value, h
			all = append(all, s)
		}
		add("", quantile(durations, 0.95), h)
		add(Average, mean(durations), nil)
		add(P50, quantile(durations, 0.5), nil)
	}
	if good == 0 {
		return all, last
	}
	return all, nil
}

// quantile is the smallest value that at least the share q of all values does
// not exceed.
func quantile(sorted []float64, q float64) float64 {
	rank := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[max(0, min(rank, len(sorted)-1))]
}

func mean(all []float64) float64 {
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	return sum / float64(len(all))
}

func contains(body []byte, text string) bool { return text == "" || bytes.Contains(body, []byte(text)) }
