package reading

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

const (
	atOnce      = 16          // replicas that are read at the same time
	shownFaults = 5           // of replicas, in one message
	minInterval = time.Second // between two readings
)

// Wanted says which signals are made of the readings.
type Wanted struct {
	// Known are the signals of the kind of server, by name.
	Known map[string]Signal
	// Signal is what the document calls the first; Measure is what it is, "" for
	// what its name says; Also come under their own names.
	Signal, Measure string
	Also            []string
	Part            string // "" for all
	Window          time.Duration
}

// Faults are what is wrong with a choice that a document makes.
func Faults(known map[string]Signal, measure string, also []string) []error {
	var errs []error
	names := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	if _, ok := known[measure]; measure != "" && !ok {
		errs = append(errs, fmt.Errorf("measure: must be one of %s, got %q", names, measure))
	}
	for i, name := range also {
		switch _, ok := known[name]; {
		case !ok:
			errs = append(errs, fmt.Errorf("also[%d]: must be one of %s, got %q", i, names, name))
		case slices.Index(also, name) < i:
			errs = append(errs, fmt.Errorf("also[%d]: %s is there already", i, name))
		}
	}
	return errs
}

// signals are those to deliver, by the name in the document.
func (w Wanted) signals() (map[string]Signal, error) {
	all := map[string]Signal{}
	for _, name := range w.Also {
		all[name] = w.Known[name]
	}
	what := w.Measure
	if what == "" {
		what = w.Signal
	}
	s, ok := w.Known[what]
	if !ok {
		return nil, fmt.Errorf("measure: the name %q does not say what is measured: state one of %s", w.Signal, strings.Join(slices.Sorted(maps.Keys(w.Known)), ", "))
	}
	all[w.Signal] = s
	return all, nil
}

// Source makes signals of the readings of one server, or of all replicas of the
// target.
type Source struct {
	signals  map[string]Signal
	part     string
	window   time.Duration
	interval time.Duration
	clock    clock.Clock

	server   Reader                                         // nil: the replicas are read
	replicas func(context.Context) ([]scale.Replica, error) // where they are
	open     func(scale.Replica) (Reader, error)            // reads one of them
	history  map[string]*History                            // by replica; only Run uses it
	last     time.Time                                      // when Run began to look last

	mu      sync.Mutex // guards what follows; nobody does I/O under it
	samples []scale.Sample
	fault   error
}

var (
	_ source.Source      = (*Source)(nil)
	_ source.Runner      = (*Source)(nil)
	_ source.Independent = (*Source)(nil)
)

// Of returns the source of one server. It does no I/O.
func Of(server Reader, w Wanted, env source.Env) (*Source, error) {
	return newSource(w, env, func(s *Source) { s.server = server })
}

// OfReplicas returns the source of all replicas; open says how one is read.
func OfReplicas(open func(scale.Replica) (Reader, error), w Wanted, env source.Env) (*Source, error) {
	return newSource(w, env, func(s *Source) { s.open, s.replicas = open, env.Replicas })
}

func newSource(w Wanted, env source.Env, of func(*Source)) (*Source, error) {
	signals, err := w.signals()
	if err != nil {
		return nil, err
	}
	s := &Source{signals: signals, part: w.Part, window: w.Window, interval: max(env.Interval, minInterval), clock: env.Clock, history: map[string]*History{}}
	of(s)
	return s, nil
}

// Signals names what is delivered, of the target and of each replica that is
// read.
func (s *Source) Signals() []string { return slices.Sorted(maps.Keys(s.signals)) }

// Independent reports whether it is one server that is asked, and not the
// replicas: it wakes a target that sleeps at zero.
func (s *Source) Independent() bool { return s.server != nil }

// Collect returns what was measured last; what could not be is in the error.
func (s *Source) Collect(ctx context.Context) ([]scale.Sample, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.samples), s.fault // the caller may do with them what it likes
}

// Run reads once per interval until ctx is done.
func (s *Source) Run(ctx context.Context) error {
	if s.server != nil {
		defer s.server.Close()
	} else if s.replicas == nil {
		return errors.New("nobody knows the replicas of this target")
	}
	ticker := s.clock.NewTicker(s.interval)
	defer ticker.Stop()
	for {
		samples, fault := s.look(ctx)
		if ctx.Err() != nil {
			return nil // what was being read is not to blame for the end
		}
		s.mu.Lock()
		s.fault = fault
		if len(samples) > 0 || fault == nil {
			s.samples = samples // else what was measured last, with its date
		}
		s.mu.Unlock()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look reads the server, or all replicas, once.
func (s *Source) look(ctx context.Context) ([]scale.Sample, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, source.Patience, source.ErrPatience)
	defer cancel()
	if s.server == nil {
		return s.lookAtReplicas(ctx)
	}
	r, err := s.server.Read(ctx)
	if err == nil {
		err = s.errTooMany(r)
	}
	if err != nil {
		return nil, err
	}
	h := s.of("")
	h.Add(r)
	var samples []scale.Sample
	for _, name := range s.Signals() {
		if m := h.Measure(s.signals[name], s.part); m.Known {
			samples = append(samples, sample(name, "", m))
		}
	}
	return samples, s.lacks(samples, h)
}

// errTooMany says that a sum over all parts would be too small.
func (s *Source) errTooMany(r Reading) error {
	if s.part != "" || r.LeftOut == 0 {
		return nil
	}
	return fmt.Errorf("the server tells more than %d apart: state which one is meant", len(r.Parts))
}

// lacks is the fault of a server that does not tell what is asked for, which
// would otherwise be waited for in silence.
func (s *Source) lacks(samples []scale.Sample, h *History) error {
	for _, name := range s.Signals() {
		here := slices.ContainsFunc(samples, func(x scale.Sample) bool { return x.Signal == name })
		if last := h.readings[len(h.readings)-1]; !here && !last.offers(s.signals[name], s.part) {
			if s.part != "" && last.parts(s.part) == nil {
				return fmt.Errorf("signal %s: the server has no %q", name, s.part)
			}
			return fmt.Errorf("signal %s: the server does not tell it", name)
		}
	}
	return nil
}

// offers reports whether a reading has what a signal is made of.
func (r Reading) offers(s Signal, part string) bool {
	if s.Value == "" {
		return r.counts(s, part) || r.balances(s, part)
	}
	return slices.ContainsFunc(r.parts(part), func(p Part) bool { _, told := p.Values[s.Value]; return told })
}

func (s *Source) of(replica string) *History {
	h := s.history[replica]
	if h == nil {
		h = &History{Window: s.window}
		s.history[replica] = h
	}
	return h
}

// lookAtReplicas reads all that run. The total is that of those which take work;
// where one of them cannot be read there is none, as it would be too small.
func (s *Source) lookAtReplicas(ctx context.Context) ([]scale.Sample, error) {
	began, before := s.clock.Now(), s.last
	all, err := s.replicas(ctx)
	if err != nil {
		return nil, fmt.Errorf("replicas: %w", err)
	}
	s.last = began
	all = slices.DeleteFunc(slices.Clone(all), func(r scale.Replica) bool { return r.Phase != scale.Running || r.Address == "" })
	faults := s.readAll(ctx, all, before)
	var samples []scale.Sample
	var wrong []string
	for i, r := range all {
		if faults[i] != nil && r.TakesWork() {
			wrong = append(wrong, fmt.Sprintf("replica %s: %v", r.ID, faults[i]))
		}
	}
	for _, name := range s.Signals() {
		var working []Measured
		for i, r := range all {
			if faults[i] != nil {
				continue
			}
			m := s.of(r.ID).Measure(s.signals[name], s.part)
			if m.Known {
				samples = append(samples, sample(name, r.ID, m))
			}
			if r.TakesWork() {
				working = append(working, m)
			}
		}
		if total := s.signals[name].Combine.Total(working); len(wrong) == 0 && total.Known {
			samples = append(samples, sample(name, "", total))
		}
	}
	return samples, inWords(wrong)
}

// readAll reads replicas, and forgets those that are gone. A replica that has
// started since the round before has counted from its start.
func (s *Source) readAll(ctx context.Context, all []scale.Replica, before time.Time) []error {
	readings, faults := make([]Reading, len(all)), make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, r := range all {
		group.Go(func() error {
			reader, err := s.open(r)
			if err == nil {
				readings[i], err = reader.Read(ctx)
			}
			if err == nil {
				err = s.errTooMany(readings[i])
			}
			faults[i] = err
			return nil
		})
	}
	_ = group.Wait() // no error is returned: each belongs to its replica
	seen := map[string]bool{}
	for i, r := range all {
		seen[r.ID] = true
		if faults[i] != nil {
			continue
		}
		h := s.of(r.ID)
		if len(h.readings) == 0 && !before.IsZero() && r.StartedAt.After(before) {
			h.Add(Reading{At: r.StartedAt})
		}
		h.Add(readings[i])
	}
	maps.DeleteFunc(s.history, func(id string, _ *History) bool { return !seen[id] })
	return faults
}

func sample(signal, replica string, m Measured) scale.Sample {
	return scale.Sample{Signal: signal, Replica: replica, At: m.At, Window: m.Window, Value: m.Value, Distribution: m.Distribution()}
}

// inWords is what is wrong with how many replicas; nil when nothing is.
func inWords(faults []string) error {
	if len(faults) == 0 {
		return nil
	}
	more := ""
	if n := len(faults) - shownFaults; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
		faults = faults[:shownFaults]
	}
	return fmt.Errorf("no value for the target: %s%s", strings.Join(faults, "; "), more)
}
