package ensemble_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/forecast"
	"github.com/flyball-io/flyball/forecast/ensemble"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/workload"
)

// On a month of a real server, one minute, five and twenty ahead: the risk is
// the one asked for, and no model alone does better.
func TestARecordedMonth(t *testing.T) {
	testenv.Long(t)
	trace, err := workload.OpenTrace(testenv.Trace(t, "nasa_http_jul95_1min.csv"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := ensemble.Default(time.Minute, 1, 5, 20)
	together := played(t, trace, standard(t, cfg))
	for _, m := range ensemble.Models(cfg) {
		alone := played(t, trace, of(t, cfg, m))
		for i, h := range cfg.Horizons {
			if together[i] > 1.01*alone[i] {
				t.Errorf("%d minutes ahead the mean loss is %.4g, of %s alone %.4g", h, together[i], m.Name, alone[i])
			}
		}
	}
}

// played returns the mean pinball loss at each horizon, after two days, and
// checks the coverage.
func played(t *testing.T, trace *workload.Trace, e *ensemble.Ensemble) []float64 {
	t.Helper()
	horizons, levels := []int{1, 5, 20}, e.Levels()
	losses, q := make([]float64, len(horizons)), make([]float64, len(levels))
	values := trace.Bins()
	for i, b := range values {
		e.Update(time.Unix(0, 0).Add(b.At+b.Width), b.RPS)
		for k, h := range horizons {
			if i < 2*1440 || i+h >= len(values) {
				continue
			}
			e.Quantiles(h, q)
			for l, level := range levels {
				losses[k] += forecast.Pinball(level, q[l], values[i+h].RPS)
			}
		}
	}
	for _, h := range horizons {
		covered, _ := e.Coverage(h)
		peaks, _ := e.PeakCoverage(h)
		for l, level := range levels {
			if math.Abs(covered[l]-level) > 0.005 || math.Abs(peaks[l]-level) > 0.005 {
				t.Errorf("%d minutes ahead, level %v: %.2f %% of values and %.2f %% of peaks are covered", h, level, 100*covered[l], 100*peaks[l])
			}
		}
	}
	return losses
}
