package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app/labelled"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
)

// labelFlags have the services of a swarm be documents by their labels.
type labelFlags struct {
	on  bool
	set labelled.Set // as read last
}

func (f *labelFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "swarm", false, "scale every service of the swarm that has the label flyball.enable=true, as its labels say")
}

// check says what is wrong with the flags.
func (f *labelFlags) check(files []string) error {
	if f.on && slices.Contains(files, "-") {
		return errors.New("--swarm and -f - exclude each other")
	}
	return nil
}

// swarm is that of DOCKER_HOST, or of this machine.
func (f *labelFlags) swarm() (labelled.Swarm, error) {
	engine, err := docker.Open("")
	if err != nil {
		return labelled.Swarm{}, fmt.Errorf("--swarm: %w", err)
	}
	return labelled.Swarm{Engine: engine, Clock: clock.System}, nil
}

// load adds the documents that labels stand for.
func (f *labelFlags) load(plugins *builtin.Registry, docs []v1alpha1.Document) ([]v1alpha1.Document, error) {
	if !f.on {
		return docs, nil
	}
	swarm, err := f.swarm()
	if err != nil {
		return nil, err
	}
	set, err := swarm.Read(context.Background(), plugins)
	if err != nil {
		return nil, err
	}
	for _, d := range set.Documents {
		if i := slices.IndexFunc(docs, func(other v1alpha1.Document) bool { return other.Metadata.Name == d.Metadata.Name }); i >= 0 {
			return nil, set.Faults(d.Faults("spec.target.swarm", fmt.Errorf("service: %q is already the name of the document at %s:%d", d.Metadata.Name, docs[i].File, docs[i].Line)))
		}
	}
	f.set = set
	return append(docs, set.Documents...), nil
}

// changed receives when labels have changed; nil where there are none to be
// read.
func (f *labelFlags) changed(ctx context.Context) (<-chan struct{}, error) {
	if !f.on {
		return nil, nil
	}
	swarm, err := f.swarm()
	if err != nil {
		return nil, err
	}
	return swarm.Watch(ctx), nil
}
