// Package labelled reads the labels of a swarm's services as documents: a
// stack file is then all that its user edits. What is wrong is told as with a
// document, but by service and label.
package labelled

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/target/swarm"
)

// Swarm is where services have labels.
type Swarm struct {
	Engine docker.Cluster
	// Endpoint is written into every document; "": none.
	Endpoint string
	Clock    clock.Clock
	// Seen are the labels as they were read last. What differs from these is a
	// change for Watch, whenever it came, until it has been read. Who does not
	// watch needs none.
	Seen *Seen
}

// Seen are labels in a form that is equal when they are; "" before the first.
type Seen struct {
	mu     sync.Mutex
	labels string
}

func (s *Seen) get() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.labels
}

func (s *Seen) set(labels string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.labels = labels
}

// labelled are the services with labels, as a manager says now.
func (s Swarm) labelled(ctx context.Context) ([]swarm.Labelled, error) {
	services, err := s.Engine.Services(ctx)
	if err != nil {
		return nil, err
	}
	all := swarm.ReadLabels(services, s.Endpoint)
	if s.Seen != nil {
		s.Seen.set(inWords(all))
	}
	return all, nil
}

// Set is the documents of all services that have labels.
type Set struct {
	Documents []v1alpha1.Document

	services map[int]string // by the line of their documents
}

// Read asks a manager and makes a document of each service that has the label
// flyball.enable=true. The error is [v1alpha1.Faults] when labels are wrong;
// there are no documents unless everything is right.
func (s Swarm) Read(ctx context.Context, plugins v1alpha1.Plugins) (Set, error) {
	all, err := s.labelled(ctx)
	if err != nil {
		return Set{}, err
	}
	return read(all, plugins)
}

// ReadRight is Read for who can do without some services: those whose labels
// are wrong are left out, and so is the later of two whose documents would have
// one name; wrong says why. What must have is asked of comes first and is not
// left out: where its labels are wrong, the error says so, as that of Read.
func (s Swarm) ReadRight(ctx context.Context, plugins v1alpha1.Plugins, must func(service string) bool) (right Set, wrong, err error) {
	all, err := s.labelled(ctx)
	if err != nil {
		return Set{}, nil, err
	}
	set, err := read(all, plugins)
	var faults v1alpha1.Faults
	if err == nil || !errors.As(err, &faults) {
		return set, nil, err
	}
	having, others := split(all, must)
	services := map[string]string{} // by the name of their documents
	for _, l := range slices.Concat(having, others) {
		switch name, err := nameOf(l, plugins); {
		case err != nil && must(l.Service):
			return Set{}, nil, err
		case err != nil:
			wrong = errors.Join(wrong, err)
		case services[name] != "":
			message := fmt.Sprintf("its document would be called %q, as that of service %s is", name, services[name])
			wrong = errors.Join(wrong, v1alpha1.Faults{{File: "service " + l.Service, Message: message}})
		default:
			services[name] = l.Service
		}
	}
	taken := slices.Collect(maps.Values(services))
	sound, _ := split(all, func(service string) bool { return slices.Contains(taken, service) })
	right, err = read(sound, plugins)
	return right, wrong, err
}

// split keeps the order of both parts.
func split(all []swarm.Labelled, first func(service string) bool) (chosen, others []swarm.Labelled) {
	for _, l := range all {
		if first(l.Service) {
			chosen = append(chosen, l)
		} else {
			others = append(others, l)
		}
	}
	return chosen, others
}

// nameOf is that of a service's document, which is right by itself.
func nameOf(l swarm.Labelled, plugins v1alpha1.Plugins) (string, error) {
	set, err := read([]swarm.Labelled{l}, plugins)
	if err != nil {
		return "", err
	}
	return set.Documents[0].Metadata.Name, nil
}

// Service is the one that a document was made of; "" if none.
func (s Set) Service(d v1alpha1.Document) string {
	if d.File != "-" {
		return ""
	}
	return s.services[d.Line]
}

// read makes documents, each on a line of its own: the line of a fault is then
// its service.
func read(labelled []swarm.Labelled, plugins v1alpha1.Plugins) (Set, error) {
	set := Set{services: map[int]string{}}
	var text bytes.Buffer
	var faults v1alpha1.Faults
	line := 1
	for _, l := range labelled {
		for _, f := range l.Faults {
			faults = append(faults, v1alpha1.Fault{File: "service " + f.Service, Path: f.Label, Message: f.Message})
		}
		if l.JSON != nil {
			text.WriteString("---\n" + string(l.JSON) + "\n")
			set.services[line+1] = l.Service
			line += 2
		}
	}
	if text.Len() == 0 {
		return set, faults.Err()
	}
	docs, err := v1alpha1.Loader{Plugins: plugins, Env: noVariables, Stdin: &text}.Load([]string{"-"})
	var wrong v1alpha1.Faults
	if err != nil && !errors.As(err, &wrong) {
		return set, err
	}
	for _, f := range wrong {
		faults = append(faults, set.told(f))
	}
	if err := faults.Err(); err != nil {
		return set, err
	}
	set.Documents = docs
	return set, nil
}

func noVariables(string) (string, bool) { return "", false }

// told is a fault of a document by service and label.
func (s Set) told(f v1alpha1.Fault) v1alpha1.Fault {
	service, ours := s.services[f.Line]
	if f.File != "-" || !ours {
		return f
	}
	t := v1alpha1.Fault{File: "service " + service, Path: f.Path, Message: f.Message}
	label, below := swarm.LabelAt(f.Path)
	if label != "" {
		t.Path = label
		if below != "" {
			t.Message = below + ": " + f.Message
		}
	}
	return t
}

// Faults tells what is wrong with the documents by service and label. Other
// errors stay as they are.
func (s Set) Faults(err error) error {
	if several, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the joined error itself
		var all []error
		for _, one := range several.Unwrap() {
			all = append(all, s.Faults(one))
		}
		return errors.Join(all...)
	}
	var wrong v1alpha1.Faults
	if !errors.As(err, &wrong) {
		return err
	}
	faults := make(v1alpha1.Faults, len(wrong))
	for i, f := range wrong {
		faults[i] = s.told(f)
	}
	return faults.Err()
}

// How long it is waited for a manager that does not answer, and how soon a
// change is told after the one before it.
const (
	retry = 2 * time.Second
	calm  = 200 * time.Millisecond
)

// Watch receives when a label of a service has changed, or a service with
// labels came or went, until ctx is done.
func (s Swarm) Watch(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	go func() {
		for ; ctx.Err() == nil; s.await(ctx) {
			if now := s.labels(ctx); now != "" && now != s.Seen.get() {
				replicas.Told(changed)
			}
		}
	}()
	return changed
}

// await returns when something has happened in the swarm, or may have.
func (s Swarm) await(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	happened, failed := s.Engine.Happenings(ctx)
	wait := calm
	select {
	case <-happened:
	case err := <-failed:
		if err != nil {
			wait = retry
		}
	case <-s.Clock.After(15 * time.Second): // what was missed is seen then
	case <-ctx.Done():
		return
	}
	select {
	case <-s.Clock.After(wait):
	case <-ctx.Done():
	}
}

// labels are all that matter here; "" while nobody knows.
func (s Swarm) labels(ctx context.Context) string {
	services, err := s.Engine.Services(ctx)
	if err != nil {
		return ""
	}
	return inWords(swarm.ReadLabels(services, s.Endpoint))
}

// inWords are labels in a form that is equal when they are.
func inWords(all []swarm.Labelled) string {
	var b strings.Builder
	b.WriteString("labels\n")
	for _, l := range all {
		fmt.Fprintf(&b, "%s %s %v\n", l.Service, l.JSON, l.Faults)
	}
	return b.String()
}
