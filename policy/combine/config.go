package combine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flyball-io/flyball/scale"
)

// Config of the policy: exactly one of its fields.
type Config struct {
	Max    []scale.Plugin `json:"max,omitempty" jsonschema:"description=the highest wish counts" jsonschema_extras:"plugin=policy"`
	Min    []scale.Plugin `json:"min,omitempty" jsonschema:"description=the lowest wish counts" jsonschema_extras:"plugin=policy"`
	Median []scale.Plugin `json:"median,omitempty" jsonschema:"description=the wish in the middle counts; of two the higher" jsonschema_extras:"plugin=policy"`
	First  []scale.Plugin `json:"first,omitempty" jsonschema:"description=the first that has an opinion counts" jsonschema_extras:"plugin=policy"`
}

// Default combines nothing: exactly one way must be configured.
func Default() Config { return Config{} }

// way is how wishes become one.
type way struct {
	name    string
	members []scale.Plugin
}

func (c Config) ways() []way {
	return []way{{"max", c.Max}, {"min", c.Min}, {"median", c.Median}, {"first", c.First}}
}

// way returns the one that is configured.
func (c Config) way() way {
	for _, w := range c.ways() {
		if len(w.members) > 0 {
			return w
		}
	}
	return way{}
}

// Validate reports every fault but those within the members.
func (c Config) Validate() error {
	var stated []string
	for _, w := range c.ways() {
		if len(w.members) > 0 {
			stated = append(stated, w.name)
		}
	}
	switch len(stated) {
	case 0:
		return errors.New("needs exactly one of max, min, median, first with at least one policy")
	case 1:
		return nil
	}
	return fmt.Errorf("%s: needs exactly one of max, min, median, first, got %s", stated[1], strings.Join(stated, " and "))
}

// names tells the members apart: by their kind, and those of one kind by a
// number.
func (w way) names() []string {
	names, seen := make([]string, len(w.members)), map[string]int{}
	for i, m := range w.members {
		seen[m.Kind]++
		names[i] = m.Kind
		if n := seen[m.Kind]; n > 1 {
			names[i] = fmt.Sprintf("%s #%d", m.Kind, n)
		}
	}
	return names
}

// String says what is combined: "max of hpa, kpa".
func (c Config) String() string {
	w := c.way()
	return w.name + " of " + strings.Join(w.names(), ", ")
}
