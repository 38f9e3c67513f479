package v1alpha1

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// shortestInterval keeps a source from doing nothing but asking.
const shortestInterval = 100 * time.Millisecond

// Signal is a named time series and the source that measures it:
//
//	{name: requestRate, interval: 10s, prometheus: {query: …}}
type Signal struct {
	Name string
	// Interval is the time between two measurements; 0 leaves it to the time
	// between two decisions.
	Interval scale.Duration
	// MaxAge is how old a value may be before the signal is stale; 0 leaves it
	// to how often values come.
	MaxAge scale.Duration
	Source Plugin
}

// beside are the fields that stand beside the source.
func (s *Signal) beside() map[string]any {
	return map[string]any{"name": &s.Name, "interval": &s.Interval, "maxAge": &s.MaxAge}
}

// MarshalJSON writes the source and what stands beside it.
func (s Signal) MarshalJSON() ([]byte, error) {
	fields := map[string]any{"name": s.Name}
	if s.Interval != 0 {
		fields["interval"] = s.Interval
	}
	if s.MaxAge != 0 {
		fields["maxAge"] = s.MaxAge
	}
	if s.Source.Kind != "" {
		fields[s.Source.Kind] = s.Source.Body
	}
	return json.Marshal(fields)
}

// UnmarshalJSON reads a source and what stands beside it.
func (s *Signal) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("signal must be an object: %w", err)
	}
	var read Signal
	for name, field := range read.beside() {
		if raw, ok := fields[name]; ok {
			if err := json.Unmarshal(raw, field); err != nil {
				return fmt.Errorf("%s of a signal: %w", name, err)
			}
			delete(fields, name)
		}
	}
	source, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(source, &read.Source); err != nil {
		return fmt.Errorf("source of signal %q: %w", read.Name, err)
	}
	*s = read
	return nil
}

// faults reports what is wrong with what stands beside the source.
func (s *Signal) faults(path string) []error {
	var errs []error
	if s.Source.Kind == "" {
		errs = append(errs, fmt.Errorf("%s: needs exactly one source", path))
	}
	if s.Name == "" {
		errs = append(errs, fmt.Errorf("%s.name: must not be empty", path))
	}
	if s.Interval != 0 && s.Interval < scale.Duration(shortestInterval) {
		errs = append(errs, fmt.Errorf("%s.interval: must be at least %v, got %v", path, scale.Duration(shortestInterval), s.Interval))
	}
	if s.MaxAge < 0 || s.MaxAge != 0 && s.MaxAge < s.Interval {
		errs = append(errs, fmt.Errorf("%s.maxAge: must be at least the interval (%v), got %v", path, s.Interval, s.MaxAge))
	}
	return errs
}
