package v1alpha1

import (
	"encoding/json"
	"fmt"
)

// Signal is a named time series and the source that measures it:
//
//	{name: requestRate, prometheus: {query: …}}
type Signal struct {
	Name   string
	Source Plugin
}

// MarshalJSON writes name and source side by side.
func (s Signal) MarshalJSON() ([]byte, error) {
	fields := map[string]any{"name": s.Name}
	if s.Source.Kind != "" {
		fields[s.Source.Kind] = s.Source.Body
	}
	return json.Marshal(fields)
}

// UnmarshalJSON reads a name and a source.
func (s *Signal) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("signal must be an object: %w", err)
	}
	var read Signal
	if name, ok := fields["name"]; ok {
		if err := json.Unmarshal(name, &read.Name); err != nil {
			return fmt.Errorf("name of a signal: %w", err)
		}
		delete(fields, "name")
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
