package sizing

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strconv"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/vertical"
)

// Results are what vertical.json holds.
type Results struct {
	Version     string    `json:"version,omitempty"`
	Contestants []string  `json:"contestants"`
	Summaries   []Summary `json:"summaries"`
	Scores      []Score   `json:"scores"`
}

// Summary is a contestant over all workloads of a resource, each counting as
// much: means of shares, sums of what is counted.
type Summary struct {
	Resource   vertical.Resource `json:"resource"`
	Contestant string            `json:"contestant"`
	Workloads  int               `json:"workloads"`
	Slack      float64           `json:"slack"`
	Throttled  float64           `json:"throttled"`
	Lost       float64           `json:"lost"`
	OOMs       int               `json:"ooms"`
	Changes    int               `json:"changes"`
}

// Summed are the results that scores come to.
func Summed(scores []Score, contestants []Contestant) Results {
	r := Results{Scores: scores, Contestants: []string{}, Summaries: []Summary{}}
	for _, c := range contestants {
		r.Contestants = append(r.Contestants, c.Name)
	}
	for _, resource := range vertical.Resources() {
		for _, name := range r.Contestants {
			if s := summed(scores, resource, name); s.Workloads > 0 {
				r.Summaries = append(r.Summaries, s)
			}
		}
	}
	return r
}

func summed(scores []Score, resource vertical.Resource, contestant string) Summary {
	s := Summary{Resource: resource, Contestant: contestant}
	for _, one := range scores {
		if one.Resource != resource || one.Contestant != contestant {
			continue
		}
		s.Workloads++
		s.Slack += one.Slack
		s.Throttled += one.Throttled
		s.Lost += one.Lost
		s.OOMs += one.OOMs
		s.Changes += one.Changes
	}
	n := float64(max(s.Workloads, 1))
	s.Slack, s.Throttled, s.Lost = s.Slack/n, s.Throttled/n, s.Lost/n
	return s
}

// WriteJSON writes everything.
func (r Results) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteCSV writes a line for each score.
func (r Results) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"workload", "resource", "contestant", "mean", "slack", "throttled", "lost", "ooms", "changes", "days"}) // told by Error
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, s := range r.Scores {
		_ = c.Write([]string{s.Workload, s.Resource.String(), s.Contestant, number(s.Mean), number(s.Slack), number(s.Throttled), number(s.Lost),
			strconv.Itoa(s.OOMs), strconv.Itoa(s.Changes), number(s.Days)})
	}
	c.Flush()
	return c.Error()
}

// Save writes vertical.json and vertical.csv into a folder.
func (r Results) Save(dir string) error {
	return errors.Join(
		evaluate.WriteFile(filepath.Join(dir, "vertical.json"), r.WriteJSON),
		evaluate.WriteFile(filepath.Join(dir, "vertical.csv"), r.WriteCSV),
	)
}
