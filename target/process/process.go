// Package process is a target whose replicas are processes on this machine.
//
// It promises that scaling loses no request (a replica is drained before it
// is asked to end), that a replica which crashes or hangs is replaced, and
// that a controller which dies and returns finds its replicas again: each
// carries a mark in its environment, and the table of processes is the truth
// about what runs.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"

	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

var (
	// ErrInUse is returned when another controller looks after the target.
	ErrInUse = replicas.ErrInUse
	// ErrStopped is returned once Stop was called.
	ErrStopped = errors.New("target was stopped")
)

// Options is what a target is given by who builds it. StateDir holds the desired
// count, the lock and the output of the replicas; DieWithController works on
// Linux only, elsewhere they are adopted by the next controller.
type Options = target.Options

// Target is a service made of processes. All methods may be called from
// several goroutines; one of them owns the state at a time.
type Target struct {
	name string
	// idle holds the engine while nobody runs it; calls reaches whoever does.
	idle    chan *engine
	calls   chan func(*engine)
	changes chan struct{}
	gone    chan struct{} // closed when stopped and no replica is left
	meter   *meter
}

var (
	_ target.Target  = (*Target)(nil)
	_ target.Runner  = (*Target)(nil)
	_ target.Stopper = (*Target)(nil)
	_ source.Source  = (*Target)(nil)
)

var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// New checks the configuration against this machine; it starts nothing and
// changes nothing. Faults are all reported at once.
func New(name string, cfg Config, opts Options) (*Target, error) {
	var errs []error
	if !validName.MatchString(name) {
		errs = append(errs, fmt.Errorf("name: must be 1 to 63 of a-z, 0-9 and -, got %q", name))
	}
	if opts.StateDir == "" {
		errs = append(errs, errors.New("state directory: must be given"))
	}
	job, err := newJob(cfg)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("process target %s: %w", name, err)
	}
	dir, err := canonical(opts.StateDir)
	if err != nil {
		return nil, fmt.Errorf("process target %s: state directory: %w", name, err)
	}
	if opts.Traffic == nil {
		opts.Traffic = target.NoTraffic{}
	}
	t := &Target{
		name:    name,
		idle:    make(chan *engine, 1),
		calls:   make(chan func(*engine)),
		changes: make(chan struct{}, 1),
		gone:    make(chan struct{}),
		meter:   newMeter(),
	}
	t.idle <- newEngine(t, job, dir, opts)
	return t, nil
}

// canonical is the one absolute path of a directory that may not exist yet.
func canonical(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(abs)
	if parent := filepath.Dir(abs); errors.Is(err, os.ErrNotExist) && parent != abs {
		resolved, err = canonical(parent)
		resolved = filepath.Join(resolved, filepath.Base(abs))
	}
	return resolved, err
}

// Run looks after the replicas until ctx is cancelled; they stay. It returns
// ErrInUse when another controller does already.
func (t *Target) Run(ctx context.Context) error {
	if err := t.run(ctx); err != nil {
		return fmt.Errorf("process target %s: %w", t.name, err)
	}
	return nil
}

func (t *Target) run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case e := <-t.idle:
		defer func() { t.idle <- e }()
		if e.dieWithController {
			// Linux sends the death signal when the thread that forked ends,
			// so all forks come from one thread that lives as long as Run.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
		}
		return e.run(ctx, t.calls)
	}
}

// do calls f with the engine, whoever runs it.
func (t *Target) do(ctx context.Context, f func(*engine)) error {
	done := make(chan struct{})
	call := func(e *engine) {
		defer close(done)
		f(e)
	}
	select {
	case t.calls <- call:
		<-done
	case e := <-t.idle:
		call(e)
		t.idle <- e
	case <-ctx.Done():
		return fmt.Errorf("process target %s: %w", t.name, context.Cause(ctx))
	}
	return nil
}

// Status says what exists. While Run does not run it looks and probes for
// itself, also beside another controller.
func (t *Target) Status(ctx context.Context) (target.Status, error) {
	var status target.Status
	var failed error
	if err := t.do(ctx, func(e *engine) { status, failed = e.status(ctx) }); err != nil {
		return target.Status{}, err
	}
	if failed != nil {
		return target.Status{}, fmt.Errorf("process target %s: %w", t.name, failed)
	}
	return status, nil
}

// SetReplicas writes the count down, then acts on it as soon as Run runs.
func (t *Target) SetReplicas(ctx context.Context, n int) error {
	if n < 0 {
		return fmt.Errorf("process target %s: replicas must be 0 or more, got %d", t.name, n)
	}
	var failed error
	if err := t.do(ctx, func(e *engine) { failed = e.setDesired(n) }); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("process target %s: set replicas to %d: %w", t.name, n, failed)
	}
	return nil
}

// Update changes the configuration. Replicas of another command, environment
// or directory are replaced one by one without going below the desired count
// of ready ones.
func (t *Target) Update(ctx context.Context, cfg Config) error {
	job, err := newJob(cfg)
	if err != nil {
		return fmt.Errorf("process target %s: %w", t.name, err)
	}
	return t.do(ctx, func(e *engine) { e.update(job) })
}

// Changes receives when Status may have changed.
func (t *Target) Changes() <-chan struct{} { return t.changes }

// Stop drains and ends every replica, for good: Run then has nothing to do.
// Once ctx is done what is left is killed and ctx's error returned. The
// desired count on disk stays, for whoever starts the target again.
func (t *Target) Stop(ctx context.Context) error {
	// Where Run does not run, or ends meanwhile, Stop does its work.
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var helper sync.WaitGroup
	defer helper.Wait()
	defer cancel(nil)
	helper.Go(func() {
		if err := t.run(running); err != nil {
			cancel(err)
		}
	})
	if err := t.do(running, (*engine).stopAll); err != nil {
		return err
	}
	select {
	case <-t.gone:
		return nil
	case <-running.Done():
		return fmt.Errorf("process target %s: stop: %w", t.name, context.Cause(running))
	case <-ctx.Done():
	}
	if err := t.do(running, (*engine).killAll); err != nil {
		return err
	}
	select {
	case <-t.gone:
		return fmt.Errorf("process target %s: replicas were killed: %w", t.name, ctx.Err())
	case <-running.Done():
		return fmt.Errorf("process target %s: stop: %w", t.name, context.Cause(running))
	}
}
