package scale

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
)

// ErrSnapshot is returned by Restore for a snapshot that was not made by the
// same kind, version and configuration.
var ErrSnapshot = errors.New("snapshot does not fit")

// Snapshot is the envelope around the memory of a policy or guard.
type Snapshot struct {
	Kind    string          `json:"kind"`
	Version int             `json:"version"`
	Config  string          `json:"config"` // hash of the configuration
	State   json.RawMessage `json:"state"`
}

// Seal wraps state in an envelope for this kind, version and configuration.
func Seal(kind string, version int, config, state any) ([]byte, error) {
	raw, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("snapshot of %s: %w", kind, err)
	}
	return json.Marshal(Snapshot{Kind: kind, Version: version, Config: ConfigHash(config), State: raw})
}

// Unseal checks the envelope and reads the state into state, which is left
// unchanged when the envelope does not fit.
func Unseal(data []byte, kind string, version int, config, state any) error {
	var s Snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("snapshot of %s: %w: %w", kind, ErrSnapshot, err)
	}
	if s.Kind != kind || s.Version != version || s.Config != ConfigHash(config) {
		return fmt.Errorf("snapshot of %s version %d with configuration %s, want %s version %d with %s: %w",
			s.Kind, s.Version, s.Config, kind, version, ConfigHash(config), ErrSnapshot)
	}
	if err := json.Unmarshal(s.State, state); err != nil {
		return fmt.Errorf("snapshot of %s: %w: %w", kind, ErrSnapshot, err)
	}
	return nil
}

// ConfigHash identifies a configuration by its JSON form.
func ConfigHash(config any) string {
	raw, err := json.Marshal(config)
	if err != nil {
		raw = fmt.Append(nil, config)
	}
	h := fnv.New64a()
	h.Write(raw)
	return fmt.Sprintf("%016x", h.Sum64())
}
