package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/labelled"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
)

// labelFlags have the services of a swarm be documents by their labels.
type labelFlags struct {
	on  bool
	set labelled.Set // as read last
	// taken are the services that run: what becomes wrong of them refuses a
	// reload. Of others it is left out.
	taken map[string]bool
	left  error           // why; nil: nothing was left out
	from  *labelled.Swarm // nil: that of DOCKER_HOST, or of this machine, is taken when it is needed
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

// swarm is the one whose labels are read.
func (f *labelFlags) swarm() (labelled.Swarm, error) {
	if f.from == nil {
		engine, err := docker.Open("")
		if err != nil {
			return labelled.Swarm{}, fmt.Errorf("--swarm: %w", err)
		}
		f.from = &labelled.Swarm{Engine: engine, Clock: clock.System, Seen: &labelled.Seen{}}
	}
	return *f.from, nil
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
	set, wrong, err := swarm.ReadRight(context.Background(), plugins, f.runs)
	if err != nil {
		return nil, err
	}
	f.set, f.left = set, wrong
	all := slices.Clone(docs)
	for _, d := range set.Documents {
		if i := slices.IndexFunc(docs, func(other v1alpha1.Document) bool { return other.Metadata.Name == d.Metadata.Name }); i >= 0 {
			err := fmt.Errorf("service: %q is already the name of the document at %s:%d", d.Metadata.Name, docs[i].File, docs[i].Line)
			if err := f.leave(d, d.Faults("spec.target.swarm", err)); err != nil {
				return nil, err
			}
			continue
		}
		all = append(all, d)
	}
	return all, nil
}

func (f *labelFlags) runs(service string) bool { return f.taken[service] }

// leave leaves the document of a service out; the error is why that cannot be:
// there is no such service, or it runs.
func (f *labelFlags) leave(d v1alpha1.Document, why error) error {
	why = f.set.Faults(why)
	if service := f.set.Service(d); service == "" || f.runs(service) {
		return why
	}
	f.left = errors.Join(f.left, why)
	return nil
}

// sound are the documents that pass a check side by side. One that does not is
// left out where it is of labels and does not run.
func (f *labelFlags) sound(docs []v1alpha1.Document, check func([]v1alpha1.Document) error) ([]v1alpha1.Document, error) {
	err := check(docs)
	if err == nil || !f.on {
		return docs, f.set.Faults(err)
	}
	var good []v1alpha1.Document
	for _, d := range docs {
		if err := check(append(slices.Clone(good), d)); err != nil {
			if err := f.leave(d, err); err != nil {
				return nil, err
			}
			continue
		}
		good = append(good, d)
	}
	return good, nil
}

// take notes which services run from now on.
func (f *labelFlags) take(specs []app.Spec) {
	f.taken = map[string]bool{}
	for _, d := range f.set.Documents {
		if slices.ContainsFunc(specs, func(s app.Spec) bool { return s.Name == d.Metadata.Name }) {
			f.taken[f.set.Service(d)] = true
		}
	}
}

// leftOut says what was left out of what was read last.
func (f *labelFlags) leftOut() error { return f.left }

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
