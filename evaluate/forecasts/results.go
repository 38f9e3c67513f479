package forecasts

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/flyball-io/flyball/evaluate"
)

// Results are what forecasts.json holds.
type Results struct {
	Version     string         `json:"version,omitempty"`
	Startup     float64        `json:"startup_seconds"`
	Sync        float64        `json:"sync_seconds"`
	Levels      []float64      `json:"levels"`
	Contestants []string       `json:"contestants"`
	Series      []SeriesHeader `json:"series"`
	Summaries   []Summary      `json:"summaries"`
	Scores      []Score        `json:"scores"`
}

// SeriesHeader is what a series was in short.
type SeriesHeader struct {
	Name        string  `json:"name"`
	Group       Group   `json:"group"`
	StepSeconds float64 `json:"step_seconds"`
	Steps       int     `json:"steps"`
	Missing     int     `json:"missing_steps"`
	// Warmup steps are seen before the first origin. Season is that of the
	// yardstick in steps; 1: none, and seasonal naive is the last value.
	Warmup     int     `json:"warmup_steps"`
	Season     int     `json:"season_steps"`
	NaiveError float64 `json:"one_season_naive_error"`
}

func (p *play) header() SeriesHeader {
	missing := 0
	for _, v := range p.Values {
		if math.IsNaN(v) {
			missing++
		}
	}
	return SeriesHeader{
		Name: p.Name, Group: p.Group, StepSeconds: p.Step.Seconds(), Steps: len(p.Values), Missing: missing,
		Warmup: p.warmup(), Season: p.season(), NaiveError: p.scale,
	}
}

// AllHorizons is the horizon of a summary over all of them.
const AllHorizons = "all"

// Summary is a contestant over the series of a group, at one horizon or all.
type Summary struct {
	Group      Group  `json:"group"`
	Horizon    string `json:"horizon"`
	Contestant string `json:"contestant"`
	Series     int    `json:"series"`
	// OverNaive and OverLast are geometric means over series. A horizon that is
	// as many steps as another of the same series counts once.
	OverNaive Ratios `json:"over_seasonal_naive"`
	OverLast  Ratios `json:"over_last_value"`
	// Value and Peak are how often coverage held, by level.
	Value []Held `json:"coverage_value"`
	Peak  []Held `json:"coverage_peak"`
}

// Held is of how many coverages of a level how many held, and the farthest
// from it.
type Held struct {
	Level    float64 `json:"level"`
	Held     int     `json:"held"`
	Of       int     `json:"of"`
	Farthest float64 `json:"farthest"` // share − level
	Series   string  `json:"farthest_series"`
}

// sumUp makes the summaries.
func (r *Results) sumUp() {
	for _, group := range []Group{Tune, Report, Other} {
		if !slices.ContainsFunc(r.Series, func(s SeriesHeader) bool { return s.Group == group }) {
			continue
		}
		for _, horizon := range []string{"start-up", "5 steps", "20 steps", AllHorizons} {
			for _, contestant := range r.Contestants {
				scores := r.scored(group, horizon, contestant)
				r.Summaries = append(r.Summaries, summary(group, horizon, contestant, scores))
			}
		}
	}
}

// scored are the scores of a contestant in a group; over all horizons those of
// as many steps on one series once.
func (r *Results) scored(group Group, horizon, contestant string) []Score {
	var scores []Score
	for _, s := range r.Scores {
		same := func(o Score) bool { return o.Series == s.Series && o.Steps == s.Steps }
		if s.Group == group && s.Contestant == contestant && s.Scored > 0 &&
			(s.Horizon == horizon || horizon == AllHorizons && !slices.ContainsFunc(scores, same)) {
			scores = append(scores, s)
		}
	}
	return scores
}

func summary(group Group, horizon, contestant string, scores []Score) Summary {
	s := Summary{Group: group, Horizon: horizon, Contestant: contestant}
	var names []string
	for _, score := range scores {
		names = append(names, score.Series)
	}
	slices.Sort(names)
	s.Series = len(slices.Compact(names))
	mean := func(of func(Score) *float64) *float64 { return geometricMean(scores, of) }
	s.OverNaive = Ratios{mean(func(s Score) *float64 { return s.OverNaive.MASE }), mean(func(s Score) *float64 { return s.OverNaive.CRPS })}
	s.OverLast = Ratios{mean(func(s Score) *float64 { return s.OverLast.MASE }), mean(func(s Score) *float64 { return s.OverLast.CRPS })}
	s.Value = held(scores, func(s Score) []Coverage { return s.Value })
	s.Peak = held(scores, func(s Score) []Coverage { return s.Peak })
	return s
}

// geometricMean leaves out what has no ratio.
func geometricMean(scores []Score, of func(Score) *float64) *float64 {
	sum, n := 0.0, 0
	for _, s := range scores {
		if v := of(s); v != nil {
			sum += math.Log(*v)
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return new(math.Exp(sum / float64(n)))
}

func held(scores []Score, of func(Score) []Coverage) []Held {
	var all []Held
	for i, level := range Levels()[firstCovered:] {
		h := Held{Level: level}
		for _, s := range scores {
			c := of(s)[i]
			if c.Scored == 0 {
				continue
			}
			h.Of++
			if c.Held {
				h.Held++
			}
			if far := c.Share - level; math.Abs(far) > math.Abs(h.Farthest) {
				h.Farthest, h.Series = far, s.Series
			}
		}
		all = append(all, h)
	}
	return all
}

// WriteJSON writes what forecasts.json holds.
func (r Results) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteCSV writes a row for each score; what is missing is an empty field.
func (r Results) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(columns()); err != nil {
		return err
	}
	for _, s := range r.Scores {
		if err := out.Write(s.fields()); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func columns() []string {
	names := []string{
		"series", "group", "horizon", "horizon_steps", "contestant", "scored_steps", "mae", "mase", "crps",
		"mase_over_seasonal_naive", "crps_over_seasonal_naive", "mase_over_last_value", "crps_over_last_value",
	}
	for _, of := range []string{"value", "peak"} {
		for _, level := range Levels()[firstCovered:] {
			name := fmt.Sprintf("coverage_%s_%.0f", of, level*100)
			names = append(names, name, name+"_scored_steps", name+"_binomial_low", name+"_binomial_high", name+"_held", name+"_held_apart")
		}
	}
	return names
}

// fields are in the order of [columns].
func (s Score) fields() []string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	row := []string{s.Series, string(s.Group), s.Horizon, strconv.Itoa(s.Steps), s.Contestant, strconv.Itoa(s.Scored), number(s.MAE)}
	for _, v := range []*float64{s.MASE, s.CRPS, s.OverNaive.MASE, s.OverNaive.CRPS, s.OverLast.MASE, s.OverLast.CRPS} {
		if v == nil {
			row = append(row, "")
		} else {
			row = append(row, number(*v))
		}
	}
	for _, c := range slices.Concat(s.Value, s.Peak) {
		row = append(row, number(c.Share), strconv.Itoa(c.Scored), number(c.Low), number(c.High), strconv.FormatBool(c.Held), strconv.FormatBool(c.HeldApart))
	}
	return row
}

// Save writes forecasts.json and forecasts.csv into a folder, each in one piece
// or not at all.
func (r Results) Save(dir string) error {
	return errors.Join(
		evaluate.WriteFile(filepath.Join(dir, "forecasts.json"), r.WriteJSON),
		evaluate.WriteFile(filepath.Join(dir, "forecasts.csv"), r.WriteCSV),
	)
}
