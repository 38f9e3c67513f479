package scale

import (
	"errors"
	"fmt"
)

// Objective is what a service promises its users.
type Objective struct {
	// Threshold is the longest time a good request may take.
	Threshold Duration `json:"threshold"`
	// Target is the share of requests that must be good, 0..1.
	Target float64 `json:"target"`
	// Window is the time over which the share is judged.
	Window Duration `json:"window"`
}

// Validate reports every fault.
func (o Objective) Validate() error {
	var errs []error
	if o.Threshold <= 0 {
		errs = append(errs, fmt.Errorf("threshold: must be above 0, got %v", o.Threshold))
	}
	if !(o.Target > 0 && o.Target < 1) {
		errs = append(errs, fmt.Errorf("target: must be between 0 and 100 %%, both excluded, got %v %%", o.Target*100))
	}
	if o.Window <= 0 {
		errs = append(errs, fmt.Errorf("window: must be above 0, got %v", o.Window))
	}
	return errors.Join(errs...)
}
