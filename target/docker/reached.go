package docker

import (
	"errors"

	"github.com/flyball-io/flyball/target"
)

var _ target.Reached = (*Config)(nil)

// Unreached says that a replica needs a port to be sent requests at.
func (c *Config) Unreached() error {
	if c.Port > 0 {
		return nil
	}
	return errors.New("port: must be given where a balancer sends requests, the port inside the container on which a replica takes them (1 to 65535)")
}
