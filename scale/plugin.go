package scale

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Plugin is a part that a configuration chooses by name: an object with
// exactly one key, the kind, whose value is the configuration of that kind.
//
//	policy: {hpa: {cpuUtilization: 70}}
//
// The body stays raw until whoever knows the kinds decodes it. A field of
// this type says which kinds it takes with the tag jsonschema_extras:"plugin=policy".
type Plugin struct {
	Kind string
	Body json.RawMessage
	// Config points to the decoded configuration once it is known, and then
	// stands for the body.
	Config any
}

// MarshalJSON writes the object with its one key; an empty body is {}.
func (p Plugin) MarshalJSON() ([]byte, error) {
	if p.Kind == "" {
		return []byte("{}"), nil
	}
	if p.Config != nil {
		return json.Marshal(map[string]any{p.Kind: p.Config})
	}
	body := p.Body
	if len(body) == 0 {
		body = json.RawMessage("{}")
	}
	return json.Marshal(map[string]json.RawMessage{p.Kind: body})
}

// UnmarshalJSON reads an object with one key; {} chooses nothing.
func (p *Plugin) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("must be an object with one key, got %s", data)
	}
	kinds := slices.Sorted(maps.Keys(fields))
	if len(kinds) == 0 {
		*p = Plugin{}
		return nil
	}
	if len(kinds) > 1 {
		return fmt.Errorf("must have exactly one key, got %d: %s", len(kinds), strings.Join(kinds, ", "))
	}
	*p = Plugin{Kind: kinds[0], Body: fields[kinds[0]]}
	return nil
}
