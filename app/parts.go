package app

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
)

// Parts is what the loop of a service drives. Each kind of target brings a
// function that opens them for a spec; a service knows no kind.
type Parts struct {
	// Kind says in words what is scaled.
	Kind   string
	Target Scaled
	Plane  DataPlane
}

// Scaled is a target that a service looks after, and that measures what its
// replicas use.
type Scaled interface {
	target.Target
	target.Runner
	target.Stopper
	source.Source
	// Follow takes over a changed document.
	Follow(ctx context.Context, s Spec) error
}

// OpenProcesses returns the function that opens processes on this machine,
// behind the balancer that plane finds or starts.
func OpenProcesses(deps Deps, plane func(context.Context, Spec) (DataPlane, error)) func(context.Context, Spec) (Parts, error) {
	return func(ctx context.Context, s Spec) (Parts, error) {
		// The balancer's process would take orders from a second controller too.
		if err := process.Unattended(ctx, deps.Clock, deps.StateDir, s.Name); err != nil {
			return Parts{}, err
		}
		p, err := plane(ctx, s)
		if err != nil {
			return Parts{}, err
		}
		parts, err := Processes(s, p, deps)
		if err != nil {
			closePlane(p)
		}
		return parts, err
	}
}

// Processes are processes on this machine behind a balancer.
func Processes(s Spec, plane DataPlane, deps Deps) (Parts, error) {
	t, err := process.New(s.Name, s.Process, process.Options{
		Clock: deps.Clock, Log: deps.Log, Traffic: plane, StateDir: deps.StateDir, DieWithController: deps.DieWithController,
	})
	if err != nil {
		return Parts{}, err
	}
	return Parts{Kind: processesInWords(s.Process.Command), Target: processes{t}, Plane: plane}, nil
}

func processesInWords(command []string) string {
	return "process " + strings.Join(append([]string{filepath.Base(command[0])}, command[1:]...), " ")
}

// processes is a process target that follows its document.
type processes struct{ *process.Target }

func (p processes) Follow(ctx context.Context, s Spec) error { return p.Update(ctx, s.Process) }
