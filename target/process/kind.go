package process

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

var (
	_ target.Config    = (*Config)(nil)
	_ target.Exclusive = (*Config)(nil)
	_ target.Stopper   = managed{}
)

// Facts says what others must know of the service.
func (c *Config) Facts() target.Facts {
	const seldom = "processes measure it only where each has a network namespace of its own"
	return target.Facts{
		Description: "process " + strings.Join(append([]string{filepath.Base(c.Command[0])}, c.Command[1:]...), " "),
		Port:        c.Port, ReadinessPath: c.Readiness.Path,
		StartTimeout: c.StartTimeout, DrainTimeout: c.DrainTimeout, Window: &c.UsageWindow,
		Signals:    Signals(),
		Unreliable: map[string]string{scale.NetworkReceiveRate: seldom, scale.NetworkTransmitRate: seldom},
	}
}

// Open returns the processes of a service.
func (c *Config) Open(name string, o target.Options) (target.Managed, error) {
	t, err := New(name, *c, o)
	if err != nil {
		return nil, err
	}
	return managed{t}, nil
}

// Unattended says whether this controller may look after the processes.
func (c *Config) Unattended(ctx context.Context, name string, o target.Options) error {
	return Unattended(ctx, o.Clock, o.StateDir, name)
}

// managed is a Target that is known by its contract.
type managed struct{ *Target }

// Update takes over a changed configuration, but not another kind of target.
func (m managed) Update(ctx context.Context, cfg target.Config) error {
	own, same := cfg.(*Config)
	if !same {
		return fmt.Errorf("process target %s: its kind can only be changed by a restart", m.name)
	}
	return m.Target.Update(ctx, *own)
}
