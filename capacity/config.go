package capacity

import (
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/scale"
)

// Config holds hints about a service. What is 0 is learned from measurements;
// what is stated is taken as it is.
type Config struct {
	ServiceMean scale.Duration `json:"serviceMean,omitzero" jsonschema:"description=mean time one request takes without a wait; learned when left out"`
	ServiceCV   float64        `json:"serviceCV,omitzero" jsonschema:"minimum=0,description=coefficient of variation of that time; learned when left out"`
	Concurrency int            `json:"concurrency,omitzero" jsonschema:"minimum=0,description=requests one replica works on at once; learned when left out"`
	Startup     scale.Duration `json:"startup,omitzero" jsonschema:"description=time from asking for a replica until it takes requests; learned when left out"`
	Sharing     bool           `json:"sharing,omitzero" jsonschema:"description=a replica takes every request at once and all share its processors; otherwise those beyond its concurrency wait in line"`
}

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	if c.ServiceMean < 0 {
		errs = append(errs, fmt.Errorf("serviceMean: must not be negative, got %v", c.ServiceMean))
	}
	if !(c.ServiceCV >= 0 && c.ServiceCV <= 100) {
		errs = append(errs, fmt.Errorf("serviceCV: must be between 0 and 100, got %v", c.ServiceCV))
	}
	if c.Concurrency < 0 {
		errs = append(errs, fmt.Errorf("concurrency: must not be negative, got %d", c.Concurrency))
	}
	if c.Startup < 0 {
		errs = append(errs, fmt.Errorf("startup: must not be negative, got %v", c.Startup))
	}
	return errors.Join(errs...)
}
