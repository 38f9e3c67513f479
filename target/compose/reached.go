package compose

import (
	"github.com/flyball-io/flyball/target"
)

var _ target.Reached = (*Config)(nil)

// Unreached says that a replica needs a port to be sent requests at.
func (c *Config) Unreached() error {
	containers := c.containers()
	return containers.Unreached()
}
