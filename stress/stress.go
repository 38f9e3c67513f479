// Package stress makes the replicas of a service busy from within: a shell in
// each of them burns CPU or holds memory for a while. It shows how whoever
// scales the service answers to usage that no request brought.
//
// Nothing stays behind: the shell ends by itself when its time is over, when it
// is told to, and when nobody is connected to it any more.
package stress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// Replicas are where programs can be started.
type Replicas interface {
	// List returns the names of those that run, sorted.
	List(ctx context.Context) ([]string, error)
	// Exec runs a program in one of them until it ends. It ends with its input,
	// and at the latest soon after ctx is done.
	Exec(ctx context.Context, replica string, command []string, in io.Reader, out io.Writer) error
}

// Load is what is done to a replica.
type Load interface {
	// script is run by a shell; it ends with its input, or after a time in
	// seconds.
	script(seconds int) string
	fmt.Stringer
}

// Options say how long, and on how many.
type Options struct {
	Load     Load
	Duration time.Duration
	// MaxReplicas is the most that are stressed at a time; 0: all.
	MaxReplicas int
	// Refresh is the time between two looks at which replicas there are.
	Refresh time.Duration
	Clock   clock.Clock
	// Tell is called when something begins, ends or fails on a replica, by several
	// goroutines; nil: nobody wants to know.
	Tell func(Event)
}

// Event is something that happened on a replica.
type Event struct {
	Replica string
	What    string // one of the constants below
	Says    string // what the replica said
	Err     error  // with Failed
}

// What happens.
const (
	Begun  = "begun"
	Ended  = "ended"
	Failed = "failed"
)

// Result is how it went.
type Result struct {
	// Replicas are all that were stressed, sorted.
	Replicas []string `json:"replicas"`
	// Most is how many were stressed at a time.
	Most int `json:"most"`
	// Failed are those where it could not be done, with why.
	Failed map[string]string `json:"failed,omitempty"`
}

// errNoShell is why a program cannot be started in containers of many small images.
var errNoShell = errors.New("its container has no shell (sh): an image with one is needed, or --container names another container of the pod")

// noShell reports whether a container runtime could not start sh.
func noShell(said string) bool {
	return strings.Contains(said, `exec: "sh": executable file not found`)
}

// ErrNobody is returned when not one replica could be stressed.
var ErrNobody = errors.New("no replica could be stressed")

// Validate reports every fault of the options.
func (o Options) Validate() error {
	var errs []error
	if o.Duration < time.Second {
		errs = append(errs, fmt.Errorf("duration: must be at least 1s, got %v", o.Duration))
	}
	if o.Refresh < time.Second {
		errs = append(errs, fmt.Errorf("refresh: must be at least 1s, got %v", o.Refresh))
	}
	if o.MaxReplicas < 0 {
		errs = append(errs, fmt.Errorf("most replicas: must be 0 (all) or more, got %d", o.MaxReplicas))
	}
	return errors.Join(errs...)
}

// Run stresses the replicas for the duration, those that come later for the
// rest of it. It returns when nothing of it runs any more; ctx ends it early,
// which is no error.
func Run(ctx context.Context, replicas Replicas, o Options) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	s := &stress{o: o, replicas: replicas, until: o.Clock.Now().Add(o.Duration), running: map[string]bool{}, done: make(chan string), seen: map[string]bool{}, failed: map[string]string{}}
	err := s.run(ctx)
	return s.result(), err
}

// stress is one run. One goroutine owns it.
type stress struct {
	o        Options
	replicas Replicas
	until    time.Time
	running  map[string]bool
	done     chan string // a replica whose program has ended
	most     int

	mu     sync.Mutex // guards what follows
	seen   map[string]bool
	failed map[string]string
}

func (s *stress) run(ctx context.Context) error {
	work, stop := context.WithCancel(ctx)
	defer stop()
	var lost error
	for over := s.o.Clock.After(s.o.Duration); ; {
		if lost = s.look(work); lost != nil {
			s.tell(Event{What: Failed, Err: lost})
		}
		refresh := s.o.Clock.After(s.o.Refresh)
		for waiting := true; waiting; {
			select {
			case name := <-s.done:
				delete(s.running, name)
			case <-refresh:
				waiting = false
			case <-over:
				return s.end(stop, lost)
			case <-ctx.Done():
				return s.end(stop, nil)
			}
		}
	}
}

// end waits for what runs.
func (s *stress) end(stop func(), lost error) error {
	stop()
	for len(s.running) > 0 {
		delete(s.running, <-s.done)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 && (lost != nil || len(s.failed) > 0) {
		for _, replica := range sorted(s.failed) {
			lost = errors.Join(lost, fmt.Errorf("%s: %s", replica, s.failed[replica]))
		}
		return fmt.Errorf("%w: %w", ErrNobody, lost)
	}
	return nil
}

// look begins with the replicas that are new.
func (s *stress) look(ctx context.Context) error {
	names, err := s.replicas.List(ctx)
	if err != nil {
		return fmt.Errorf("list the replicas: %w", err)
	}
	for _, name := range names {
		if s.running[name] || s.hasFailed(name) {
			continue
		}
		if s.o.MaxReplicas > 0 && len(s.running) >= s.o.MaxReplicas {
			break
		}
		s.running[name] = true
		go func() {
			s.stress(ctx, name)
			s.done <- name
		}()
	}
	s.most = max(s.most, len(s.running))
	return nil
}

// stress runs the program in one replica.
func (s *stress) stress(ctx context.Context, name string) {
	left := int(s.until.Sub(s.o.Clock.Now()).Round(time.Second).Seconds())
	if left <= 0 {
		return
	}
	s.tell(Event{Replica: name, What: Begun})
	// Its input ends when it is to end: it then cleans up before it does.
	in, told := io.Pipe()
	stopped := context.AfterFunc(ctx, func() { _ = told.Close() })
	defer stopped()
	defer func() { _ = in.Close() }() // of a pipe it is nothing
	patient, cancel := s.patience(ctx)
	defer cancel()
	said := &tail{}
	err := s.replicas.Exec(patient, name, []string{"sh", "-c", s.o.Load.script(left)}, in, said)
	if err != nil && noShell(said.with(err)) {
		said, err = &tail{}, errNoShell
	}
	s.mu.Lock()
	if err == nil || ctx.Err() != nil {
		s.seen[name] = true
	} else {
		s.failed[name] = said.with(err)
	}
	s.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		s.tell(Event{Replica: name, What: Failed, Says: said.String(), Err: err})
		return
	}
	s.tell(Event{Replica: name, What: Ended, Says: said.String()})
}

// grace is how long a program may take to clean up once its input has ended.
const grace = 10 * time.Second

// patience is done the grace after ctx.
func (s *stress) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-s.o.Clock.After(grace):
			cancel()
		case <-patient.Done():
		}
	})
	return patient, func() { stop(); cancel() }
}

func (s *stress) hasFailed(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, failed := s.failed[name]
	return failed
}

func (s *stress) tell(e Event) {
	if s.o.Tell != nil {
		s.o.Tell(e)
	}
}

func (s *stress) result() Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Result{Replicas: sorted(s.seen), Most: s.most, Failed: s.failed}
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
