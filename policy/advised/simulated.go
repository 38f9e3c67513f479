package advised

import (
	"errors"
	"fmt"
	"slices"

	"github.com/flyball-io/flyball/scale"
)

// Qualities of a simulated advisor. All but the first two are there to show what
// bad advice costs.
const (
	Good             = "good"              // as many as the present load needs, with a fifth to spare
	Knowing          = "knowing"           // knows what the list says, and nothing else
	Wrong            = "wrong"             // many where few are needed, and few where many are
	Random           = "random"            // any count
	HostileMin       = "hostile-min"       // always the fewest
	HostileMax       = "hostile-max"       // always the most
	HostileAlternate = "hostile-alternate" // the most and the fewest in turn
	HostilePeak      = "hostile-peak"      // the fewest while much is to do, else the most
	Slow             = "slow"              // each answer takes longer than the timeout
	Limited          = "limited"           // always 429, too many requests
	Malformed        = "malformed"         // what no answer may be
)

var qualities = []string{Good, Knowing, Wrong, Random, HostileMin, HostileMax, HostileAlternate, HostilePeak, Slow, Limited, Malformed}

// Simulated is an advisor for simulations: its quality, and how long it takes.
type Simulated struct {
	Quality string         `json:"quality,omitempty" jsonschema:"enum=good,enum=knowing,enum=wrong,enum=random,enum=hostile-min,enum=hostile-max,enum=hostile-alternate,enum=hostile-peak,enum=slow,enum=limited,enum=malformed,default=good,description=what its answers are worth; knowing = knows beforehand what is in knows; limited = always refuses as one that is asked too often"`
	Delay   scale.Duration `json:"delay,omitempty" jsonschema:"description=how long each answer takes"`
	Seed    uint64         `json:"seed,omitempty" jsonschema:"description=of what is random"`
	Lead    scale.Duration `json:"lead,omitempty" jsonschema:"description=how long before it begins something in knows is known; 2m when 0"`
	Knows   []Foreknown    `json:"knows,omitempty" jsonschema:"description=what a knowing advisor knows beforehand"`
}

// Foreknown is a time of high load that is known beforehand.
type Foreknown struct {
	At    scale.Duration `json:"at" jsonschema:"description=when it begins; counted from the first question"`
	For   scale.Duration `json:"for" jsonschema:"description=how long it lasts"`
	Times float64        `json:"times" jsonschema:"minimum=1,description=how many times the load before it"`
	Every scale.Duration `json:"every,omitempty" jsonschema:"description=after how long it comes again; never when 0"`
}

func (s *Simulated) faults() []error {
	var errs []error
	if s.Quality != "" && !slices.Contains(qualities, s.Quality) {
		errs = append(errs, fmt.Errorf("simulated.quality: must be one of %v, got %q", qualities, s.Quality))
	}
	if s.Delay < 0 {
		errs = append(errs, fmt.Errorf("simulated.delay: must not be negative, got %v", s.Delay))
	}
	if s.Lead < 0 {
		errs = append(errs, fmt.Errorf("simulated.lead: must not be negative, got %v", s.Lead))
	}
	if s.Quality == Knowing && len(s.Knows) == 0 {
		errs = append(errs, errors.New("simulated.knows: must not be empty for the quality knowing"))
	}
	for i, k := range s.Knows {
		if k.At < 0 || k.For <= 0 || k.Every < 0 || !(k.Times >= 1 && k.Times <= mostTimes) {
			errs = append(errs, fmt.Errorf("simulated.knows[%d]: at and every must not be negative, for above 0, times between 1 and %d", i, mostTimes))
		}
	}
	return errs
}
