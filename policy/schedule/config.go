package schedule

import (
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Config of the policy.
type Config struct {
	// Windows are the times at which other limits hold.
	Windows []Window `json:"windows" jsonschema:"required,description=times at which other limits hold"`
	// Of is the policy within the limits; nil is the minimum of the service.
	Of *scale.Plugin `json:"of,omitempty" jsonschema:"description=policy whose wish is kept within the limits; without it the minimum of the window or else of the service is wanted" jsonschema_extras:"plugin=policy"`
}

// Window is a time that opens again and again, with the limits that hold
// while it is open.
type Window struct {
	// Name is for reasons; the cron expression when empty.
	Name string `json:"name,omitempty" jsonschema:"description=name of the window in reasons; default its cron expression"`
	// Cron says when it opens, on the clock of TimeZone.
	Cron string `json:"cron" jsonschema:"required,description=when it opens: minute hour day month weekday; or @hourly @daily @weekly @monthly @yearly"`
	// Duration is how long it stays open: time of the calendar, which stays
	// when the time constants of policies are compressed.
	Duration scale.Duration `json:"duration" compress:"-" jsonschema:"required,description=how long it stays open"`
	// TimeZone is an IANA name; UTC when empty.
	TimeZone string `json:"timeZone,omitempty" jsonschema:"description=IANA time zone of the cron expression; default UTC"`
	// Min and Max are the limits; 0 and nil are none.
	Min int  `json:"min,omitempty" jsonschema:"minimum=0,description=fewest replicas while it is open; 0 = no floor"`
	Max *int `json:"max,omitempty" jsonschema:"minimum=0,description=most replicas while it is open; without it no ceiling"`
}

// Default has no window: at least one must be configured.
func Default() Config { return Config{} }

// longest is a window of a year: one that is longer is a mistake.
const longest = 366 * 24 * time.Hour

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	if len(c.Windows) == 0 {
		errs = append(errs, errors.New("windows: needs at least one window"))
	}
	for i, w := range c.Windows {
		for _, err := range w.faults() {
			errs = append(errs, fmt.Errorf("windows[%d].%w", i, err))
		}
	}
	return errors.Join(errs...)
}

func (w Window) faults() []error {
	var errs []error
	if _, err := parseCron(w.Cron); err != nil {
		errs = append(errs, fmt.Errorf("cron: %w", err))
	}
	if _, err := location(w.TimeZone); err != nil {
		errs = append(errs, fmt.Errorf("timeZone: %w", err))
	}
	if w.Duration <= 0 || w.Duration.Std() > longest {
		errs = append(errs, fmt.Errorf("duration: must be above 0 and at most 366d, got %v", w.Duration))
	}
	switch {
	case w.Min < 0:
		errs = append(errs, fmt.Errorf("min: must be at least 0, got %d", w.Min))
	case w.Min == 0 && w.Max == nil:
		errs = append(errs, errors.New("min: a window needs min, max or both"))
	case w.Max != nil && (*w.Max < 0 || *w.Max < w.Min):
		errs = append(errs, fmt.Errorf("max: must be at least 0 and not below min (%d), got %d", w.Min, *w.Max))
	}
	return errs
}

// String says what the policy does: "hpa within 2 windows".
func (c Config) String() string {
	windows := scale.Count(len(c.Windows), "window")
	if len(c.Windows) == 1 {
		windows = c.Windows[0].name()
	}
	if c.Of == nil {
		return windows
	}
	if aim, ok := c.Of.Config.(fmt.Stringer); ok {
		return fmt.Sprintf("%s (%v) within %s", c.Of.Kind, aim, windows)
	}
	return fmt.Sprintf("%s within %s", c.Of.Kind, windows)
}

func (w Window) name() string {
	if w.Name != "" {
		return w.Name
	}
	return w.Cron
}
