package threshold

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Config of the policy. Without any metric it watches what the target
// measures (see the package comment); naming one leaves only those named.
type Config struct {
	// Profile is a preset of the CPU thresholds and of the cooldown.
	Profile string `json:"profile" jsonschema:"enum=balanced,enum=aggressive,enum=conservative,description=preset: balanced = CPU 70/30 %; aggressive = 60/20 % with a cooldown of 30 s up and 120 s down; conservative = 80/40 % with 60 s and 300 s"`
	// CPUUtilization and MemoryUtilization are in percent of what is requested.
	CPUUtilization    *Percent `json:"cpuUtilization,omitempty" jsonschema:"description=thresholds of the CPU utilization in percent; default those of the profile"`
	MemoryUtilization *Percent `json:"memoryUtilization,omitempty" jsonschema:"description=thresholds of the memory utilization in percent; default 80 and 50"`
	QueueDepth        *Count   `json:"queueDepth,omitempty" jsonschema:"description=thresholds of the requests that wait in total; default above 10 and below 1"`
	Latency           *Latency `json:"latency,omitempty" jsonschema:"description=thresholds of the 95th percentile of the latency; default 5s and half of the upper one"`
	Metrics           []Metric `json:"metrics,omitempty" jsonschema:"description=thresholds of other signals in their own unit"`
	// Step is how many replicas one change adds or takes; 0 sizes it by how
	// far the signal is beyond its threshold.
	Step int `json:"step" jsonschema:"minimum=0,description=replicas added or taken by one change; 0 = in proportion to how far the signal is beyond its threshold"`
	// MaxStep bounds a proportional change.
	MaxStep int `json:"maxStep" jsonschema:"minimum=0,description=most replicas of one proportional change; 0 = 4 or 100 % up and 1 or 25 % down (whichever is more)"`
}

// Percent are the thresholds of a share of capacity, in percent.
type Percent struct {
	Up   float64 `json:"up,omitempty" jsonschema:"description=percentage above which replicas are added"`
	Down float64 `json:"down,omitempty" jsonschema:"description=percentage below which replicas are taken"`
}

// Count are the thresholds of a total.
type Count struct {
	Up   float64 `json:"up,omitempty" jsonschema:"description=total above which replicas are added"`
	Down float64 `json:"down,omitempty" jsonschema:"description=total below which replicas are taken"`
}

// Latency are the thresholds of a latency: values of a signal, not time
// constants, so they stay when time is compressed.
type Latency struct {
	Up   scale.Duration `json:"up,omitempty" compress:"-" jsonschema:"description=latency above which replicas are added"`
	Down scale.Duration `json:"down,omitempty" compress:"-" jsonschema:"description=latency below which replicas are taken; default half of up"`
}

// Metric is a signal with its thresholds, in the signal's unit.
type Metric struct {
	Signal string  `json:"signal" jsonschema:"required,description=name of the signal"`
	Up     float64 `json:"up" jsonschema:"required,description=value above which replicas are added"`
	// Down is left out for a signal that says nothing about going down.
	Down *float64 `json:"down,omitempty" jsonschema:"description=value below which replicas are taken; without it the signal only adds"`
}

// The profiles.
const (
	Balanced     = "balanced"
	Aggressive   = "aggressive"
	Conservative = "conservative"
)

// Default is the balanced profile with proportional steps.
func Default() Config { return Config{Profile: Balanced} }

// preset is what a profile states.
type preset struct {
	cpu                Percent
	cooldown, patience time.Duration // after a change: before going up, down
}

func (c Config) preset() preset {
	switch c.Profile {
	case Aggressive:
		return preset{Percent{60, 20}, 30 * time.Second, 120 * time.Second}
	case Conservative:
		return preset{Percent{80, 40}, 60 * time.Second, 300 * time.Second}
	default:
		return preset{cpu: Percent{70, 30}}
	}
}

// DefaultCooldown is how long to wait after a change, before going up and
// before going down, where a document says nothing.
func (c Config) DefaultCooldown() (up, down scale.Duration) {
	p := c.preset()
	return scale.Duration(p.cooldown), scale.Duration(p.patience)
}

// levels are the thresholds of one signal, in its unit.
type levels struct {
	signal   string
	up, down float64
	onlyUp   bool // no threshold for going down
	implied  bool // nobody named it: it counts once it has been seen
	unit     string
}

// The units as reasons write them.
const (
	plain   = ""
	share   = "%"
	seconds = "s"
)

// levels returns the thresholds to use: those named, else all that are known.
func (c Config) levels() []levels {
	var all []levels
	cpu, memory, queue, latency := c.CPUUtilization, c.MemoryUtilization, c.QueueDepth, c.Latency
	implied := cpu == nil && memory == nil && queue == nil && latency == nil && len(c.Metrics) == 0
	if implied {
		cpu, memory, queue, latency = &Percent{}, &Percent{}, &Count{}, &Latency{}
	}
	if cpu != nil {
		up, down := or(cpu.Up, c.preset().cpu.Up), or(cpu.Down, c.preset().cpu.Down)
		all = append(all, levels{signal: scale.CPUUtilization, up: up / 100, down: down / 100, unit: share})
	}
	if memory != nil {
		all = append(all, levels{signal: scale.MemoryUtilization, up: or(memory.Up, 80) / 100, down: or(memory.Down, 50) / 100,
			implied: implied, unit: share})
	}
	if queue != nil {
		all = append(all, levels{signal: scale.QueueDepth, up: or(queue.Up, 10), down: or(queue.Down, 1), implied: implied, unit: plain})
	}
	if latency != nil {
		up := or(latency.Up.Std().Seconds(), 5)
		all = append(all, levels{signal: scale.Latency, up: up, down: or(latency.Down.Std().Seconds(), up/2), implied: implied, unit: seconds})
	}
	for _, m := range c.Metrics {
		l := levels{signal: m.Signal, up: m.Up, onlyUp: m.Down == nil, unit: plain}
		if m.Down != nil {
			l.down = *m.Down
		}
		all = append(all, l)
	}
	return all
}

// factor turns a value into the unit of the configuration.
func (l levels) factor() float64 {
	if l.unit == share {
		return 100
	}
	return 1
}

func or(value, otherwise float64) float64 {
	if value == 0 {
		return otherwise
	}
	return value
}

// String says what the policy aims at: "cpuUtilization 30–70 %".
func (c Config) String() string {
	var all []string
	for _, l := range c.levels() {
		if l.implied {
			continue
		}
		text := l.signal + " "
		if !l.onlyUp {
			text += scale.Number(l.down*l.factor()) + "–"
		}
		all = append(all, strings.TrimSpace(text+scale.Number(l.up*l.factor())+" "+l.unit))
	}
	return strings.Join(all, ", ")
}

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Profile != Balanced && c.Profile != Aggressive && c.Profile != Conservative {
		add("profile: must be one of balanced, aggressive, conservative, got %q", c.Profile)
	}
	if c.Step < 0 {
		add("step: must be at least 0, got %d", c.Step)
	}
	if c.MaxStep < 0 {
		add("maxStep: must be at least 0, got %d", c.MaxStep)
	}
	if c.Step > 0 && c.MaxStep > 0 {
		add("maxStep: bounds a proportional step; leave it out with step %d", c.Step)
	}
	named := 0
	for _, l := range c.levels() {
		field := l.signal
		if i := len(c.levels()) - len(c.Metrics); named >= i {
			field = fmt.Sprintf("metrics[%d]", named-i)
		}
		named++
		for _, fault := range l.faults() {
			add("%s.%w", field, fault)
		}
	}
	return errors.Join(append(errs, c.doubles()...)...)
}

func (l levels) faults() []error {
	factor := l.factor()
	var errs []error
	if l.signal == "" {
		errs = append(errs, errors.New("signal: must not be empty"))
	}
	if !(l.up > 0) {
		errs = append(errs, fmt.Errorf("up: must be above 0, got %v", l.up*factor))
	}
	if !l.onlyUp && !(l.down > 0 && l.down < l.up) {
		errs = append(errs, fmt.Errorf("down: must be above 0 and below up (%s), got %s", scale.Number(l.up*factor), scale.Number(l.down*factor)))
	}
	return errs
}

// doubles finds signals with two pairs of thresholds.
func (c Config) doubles() []error {
	var errs []error
	all := c.levels()
	for i, l := range all {
		for _, before := range all[:i] {
			if before.signal == l.signal && l.signal != "" {
				errs = append(errs, fmt.Errorf("metrics[%d].signal: %q already has thresholds", i-len(all)+len(c.Metrics), l.signal))
			}
		}
	}
	return errs
}
