package evaluate

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Results are all runs of a judgement, in the order of cases, contestants and
// seeds: what results.json holds.
type Results struct {
	Header Header `json:"header"`
	Runs   []Run  `json:"runs"`
	// Failures are runs that came to nothing.
	Failures []Failure `json:"failures,omitempty"`
	// Clairvoyants are the schedules of the oracle, as they were played.
	Clairvoyants []CaseClairvoyant `json:"clairvoyants,omitempty"`
	// Targets are what the candidate of a protocol was to show, if there is one.
	Targets *Targets `json:"targets,omitempty"`
}

// Header says what was judged.
type Header struct {
	Version  string `json:"version,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	// PerReplicaHour is what a replica-hour costs: with 1 the cost of a run is
	// its replica-hours.
	PerReplicaHour float64      `json:"per_replica_hour"`
	Seeds          []uint64     `json:"seeds"`
	Contestants    []string     `json:"contestants"`
	Cases          []CaseHeader `json:"cases"`
}

// CaseHeader is what a case was in short.
type CaseHeader struct {
	Trace            string  `json:"trace"`
	Fluid            bool    `json:"fluid"`
	Hours            float64 `json:"hours"`
	HoursScored      float64 `json:"hours_scored"`
	ExpectedRequests float64 `json:"expected_requests"`
	PeakRate         float64 `json:"peak_requests_per_second"`
	Service          string  `json:"service"`
	MeanSeconds      float64 `json:"service_mean_seconds"`
	Slots            int     `json:"slots"`
	Sharing          bool    `json:"sharing,omitempty"`
	Topology         string  `json:"topology"`
	ThresholdSeconds float64 `json:"objective_threshold_seconds"`
	Target           float64 `json:"objective_target"`
	StartupSeconds   float64 `json:"startup_seconds"`
	Min              int     `json:"min_replicas"`
	Max              int     `json:"max_replicas"`
	Initial          int     `json:"initial_replicas"`
}

// Failure is a run that came to nothing, and why.
type Failure struct {
	Trace  string `json:"trace"`
	Policy string `json:"policy"`
	Seed   uint64 `json:"seed"`
	Fluid  bool   `json:"fluid"`
	Error  string `json:"error"`
}

// CaseClairvoyant is what one who knows the future pays for a case.
type CaseClairvoyant struct {
	Trace string `json:"trace"`
	Fluid bool   `json:"fluid"`
	Seed  uint64 `json:"seed"`
	// LeastReplicaHours are those with the fewest replicas all the time.
	LeastReplicaHours float64 `json:"least_replica_hours"`
	// EveryStep meets the demand at every step; Priced were made for one price of
	// a violation each.
	EveryStep Certified   `json:"every_step"`
	Priced    []Certified `json:"priced"`
}

// header is the case in short.
func (g *ground) header() CaseHeader {
	s, peak := g.Scenario, slices.Max(g.demand.Busiest)
	return CaseHeader{
		Trace: g.Trace, Fluid: g.Fluid, Hours: s.Length().Hours(), HoursScored: s.Scored().Hours(),
		ExpectedRequests: expectedRequests(&s), PeakRate: peak,
		Service: s.Service.Law.String(), MeanSeconds: s.Service.Law.Mean(), Slots: s.Service.Slots, Sharing: s.Service.Sharing,
		Topology: s.Service.Topology.String(), ThresholdSeconds: s.Objective.Threshold.Std().Seconds(), Target: s.Objective.Target,
		StartupSeconds: (s.Replicas.Pending + s.Replicas.Startup).Seconds(),
		Min:            s.Replicas.Min, Max: s.Replicas.Max, Initial: s.Replicas.Initial,
	}
}

// WriteJSON writes what results.json holds.
func (r Results) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteCSV writes the runs with the names of results.json as columns; null is
// an empty field.
func (r Results) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(columns()); err != nil {
		return err
	}
	for _, run := range r.Runs {
		if err := out.Write(fields(run)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// columns are the names of a run's fields.
func columns() []string {
	var names []string
	row := reflect.TypeFor[Run]()
	for i := range row.NumField() {
		name, _, _ := strings.Cut(row.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// fields are the values of a run, in the order of [columns].
func fields(run Run) []string {
	var values []string
	row := reflect.ValueOf(run)
	for i := range row.NumField() {
		switch v := row.Field(i).Interface().(type) {
		case float64:
			values = append(values, strconv.FormatFloat(v, 'g', -1, 64))
		case *float64:
			if v == nil {
				values = append(values, "")
			} else {
				values = append(values, strconv.FormatFloat(*v, 'g', -1, 64))
			}
		default:
			values = append(values, fmt.Sprint(v))
		}
	}
	return values
}

// Save writes results.json and results.csv into a folder, each in one piece or
// not at all.
func (r Results) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return errors.Join(
		WriteFile(filepath.Join(dir, "results.json"), r.WriteJSON),
		WriteFile(filepath.Join(dir, "results.csv"), r.WriteCSV),
	)
}

// WriteFile writes a file beside its place, then moves it there.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name()) //nolint:errcheck // the first error counts
		}
	}()
	if err := write(f); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
